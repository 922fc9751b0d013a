/** How often repositories are asked while 1,000 streams of agents follow 10 of them: once per repository and period, however many follow. */
import { ProjectPushes } from '../src/actors/index.ts';
import { RepositoryPollers } from '../src/actors/gitops/index.ts';
import { createLog, systemClock, systemRandom } from '../src/host/index.ts';
import type { Git } from '../src/ports/index.ts';
import { DynamicSupervisor, Registry } from '../src/supervisor/index.ts';

const periodMs = 1_000;
const commitId = '1'.repeat(40);

export interface Polls {
  readonly streams: number;
  readonly repositories: number;
  readonly perPeriod: number;
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
  const supervisor = new DynamicSupervisor(
    { id: 'pollers', maxChildren: 1_000 },
    { clock: systemClock, random: systemRandom, registry: new Registry(), report: () => {} },
  );
  await supervisor.start();
  const pollers = new RepositoryPollers({
    supervisor: () => supervisor,
    git: { ...git, readFile: unasked, readFiles: unasked, listTree: unasked },
    pushes: new ProjectPushes({
      pushEvents: { publish: () => Promise.resolve(), subscribe: () => () => {} },
      log,
    }),
    clock: systemClock,
    random: systemRandom,
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
  polls = 0;
  await new Promise((resolve) => setTimeout(resolve, periods * periodMs));
  const perPeriod = polls / periods;
  await supervisor.stop();
  return { streams, repositories, perPeriod };
}

function unasked(): never {
  throw new Error('only refs are asked for');
}
