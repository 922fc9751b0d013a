/** A remote over real repositories and the adapter that asks it, made anew for each test. */
import { join } from 'node:path';
import { type HttpGit, httpGit, type HttpGitOptions } from '../../../src/git/http/index.ts';
import { createMetrics, type MetricsRegistry } from '../../../src/host/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { BareRepository, temporaryFolder } from '../bare-repository.ts';
import { GitHttpServer } from './git-http-server.ts';

export const never = new AbortController().signal;

export interface HttpWorld extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly registry: MetricsRegistry;
  readonly folder: string;
  readonly server: GitHttpServer;
  readonly git: HttpGit;
  init(name?: string, ...options: string[]): Promise<BareRepository>;
}

export async function httpWorld(options: Partial<HttpGitOptions> = {}): Promise<HttpWorld> {
  const folder = await temporaryFolder();
  const clock = new VirtualClock();
  const registry = createMetrics({ processMetrics: false });
  const server = await GitHttpServer.start(folder.path);
  const git = httpGit({
    clock,
    metrics: registry.metrics,
    userAgent: 'gitlab-kas/16.5.0/abcdef1',
    environment: {},
    ...options,
  });
  return {
    clock,
    registry,
    folder: folder.path,
    server,
    git,
    init: (name = 'repo.git', ...more) =>
      BareRepository.init(join(folder.path, name), 'demo/agents', ...more),
    [Symbol.asyncDispose]: async () => {
      await git.close();
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
