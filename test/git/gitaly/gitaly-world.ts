/** A fake Gitaly over real repositories and the adapter that asks it, made anew for each test. */
import { join } from 'node:path';
import { openGitalyGit, type GitalyGit, type GitalyGitOptions } from '../../../src/git/gitaly/index.ts';
import { createMetrics, type MetricsRegistry } from '../../../src/host/index.ts';
import { FakeGitaly, type FakeGitalyOptions } from '../../fakes/gitaly/fake-gitaly.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { silentLog } from '../../gitlab/recording-log.ts';
import { BareRepository, temporaryFolder } from '../bare-repository.ts';

export const never = new AbortController().signal;

export interface GitalyWorld extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly registry: MetricsRegistry;
  readonly folder: string;
  readonly gitaly: FakeGitaly;
  readonly git: GitalyGit;
  init(name?: string, ...options: string[]): Promise<BareRepository>;
}

export async function gitalyWorld(
  options: Partial<FakeGitalyOptions> & { readonly git?: Partial<GitalyGitOptions> } = {},
): Promise<GitalyWorld> {
  const folder = await temporaryFolder();
  const clock = new VirtualClock(1_700_000_000_000);
  const registry = createMetrics({ processMetrics: false });
  const gitaly = await FakeGitaly.start({
    storages: { default: folder.path },
    now: () => clock.now(),
    ...options,
  });
  const git = await openGitalyGit({
    clock,
    random: new SeededRandom(1),
    log: silentLog,
    metrics: registry.metrics,
    userAgent: 'gitlab-kas/16.5.0/abcdef1',
    globalRate: { refillPerSecond: 30, bucketSize: 70 },
    perServerRate: { refillPerSecond: 15, bucketSize: 40 },
    environment: {},
    ...options.git,
  });
  return {
    clock,
    registry,
    folder: folder.path,
    gitaly,
    git,
    init: (name = 'repo.git', ...more) =>
      BareRepository.init(join(folder.path, name), 'demo/agents', ...more),
    [Symbol.asyncDispose]: async () => {
      await git.close();
      await gitaly[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Resolves when the condition holds; looks again whenever the event loop turns. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
