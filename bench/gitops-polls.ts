/**
 * How often repositories are asked while 1,000 streams of agents follow 10 of them: once per repository and period, however many
 * follow. Time is moved by hand, so that the figure does not depend on the machine; the waits have their jitter.
 *
 * Counted from the middle of a period to the middle of another: counted from its beginning, the last poll of each repository would
 * be due just when the counting ends, and half of them would be missed.
 */
import { ProjectPushes } from '../src/actors/index.ts';
import { RepositoryPollers } from '../src/actors/gitops/index.ts';
import { createLog } from '../src/host/index.ts';
import type { Git } from '../src/ports/index.ts';
import { DynamicSupervisor, Registry } from '../src/supervisor/index.ts';
import { SeededRandom } from '../test/fakes/seeded-random.ts';
import { VirtualClock } from '../test/fakes/virtual-clock.ts';

const periodMs = 300_000;
const stepMs = 1_000;
const commitId = '1'.repeat(40);

export interface Polls {
  readonly streams: number;
  readonly repositories: number;
  readonly perPeriod: number;
  /** Once per repository and period. Jitter moves a poll over the edge of the count now and then. */
  readonly holds: boolean;
}

export async function countPolls(streams: number, repositories: number, periods: number): Promise<Polls> {
  let polls = 0;
  const git: Pick<Git, 'resolveRef'> = {
    resolveRef: () => {
      polls += 1;
      return Promise.resolve({ kind: 'commit', commitId });
    },
  };
  const { log } = createLog({ level: 'error' });
  const [clock, random] = [new VirtualClock(), new SeededRandom(1)];
  const supervisor = new DynamicSupervisor(
    { id: 'pollers', maxChildren: 1_000 },
    { clock, random, registry: new Registry(), report: () => {} },
  );
  await supervisor.start();
  const pollers = new RepositoryPollers({
    supervisor: () => supervisor,
    git: { ...git, readFile: unasked, readFiles: unasked, listTree: unasked },
    pushes: new ProjectPushes({
      pushEvents: { publish: () => Promise.resolve(), subscribe: () => () => {} },
      log,
    }),
    clock,
    random,
    log,
    pollMs: periodMs,
  });
  for (let n = 0; n < streams; n += 1) {
    const projectId = BigInt(n % repositories);
    const repository = {
      projectPath: `group/${projectId}`,
      location: { kind: 'local', gitDir: '/' },
    } as const;
    pollers.listen({ projectId, repository, ref: 'HEAD' }, () => {});
  }
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += stepMs) await clock.advanceAsync(stepMs);
  };
  await pass(periodMs / 2);
  polls = 0;
  await pass(periods * periodMs);
  const perPeriod = polls / periods;
  const stopped = supervisor.stop();
  await pass(stepMs);
  await stopped;
  const holds = Math.abs(polls - periods * repositories) <= repositories;
  return { streams, repositories, perPeriod, holds };
}

function unasked(): never {
  throw new Error('only refs are asked for');
}
