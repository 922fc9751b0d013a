/** The world of the embedded GitLab's tests: a folder with a directory file and repositories, made anew for each test. */
import { join } from 'node:path';
import { localGit } from '../../src/git/local/index.ts';
import { type EmbeddedGitLab, openEmbeddedGitLab } from '../../src/gitlab/embedded/index.ts';
import type { Git, GitRepository } from '../../src/ports/index.ts';
import { parseAgentConfiguration } from '../../src/protocol/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { BareRepository, temporaryFolder } from '../git/bare-repository.ts';
import { RecordingLog, silentLog } from './recording-log.ts';

export const never = new AbortController().signal;

/** Stands in front of Git to count and to fail. */
class TroubledGit implements Git {
  readonly #git = localGit({ log: silentLog });
  down = false;
  filesRead = 0;
  refsResolved = 0;

  resolveRef(repository: GitRepository, ref: string, signal: AbortSignal) {
    this.refsResolved += 1;
    if (this.down) return Promise.resolve({ kind: 'unavailable', reason: 'disk on fire' } as const);
    return this.#git.resolveRef(repository, ref, signal);
  }
  readFile(...args: Parameters<Git['readFile']>) {
    this.filesRead += 1;
    return this.#git.readFile(...args);
  }
  readFiles(...args: Parameters<Git['readFiles']>) {
    return this.#git.readFiles(...args);
  }
  listTree(...args: Parameters<Git['listTree']>) {
    return this.#git.listTree(...args);
  }
}

export let folder: Awaited<ReturnType<typeof temporaryFolder>>;
export let file: string;
export let clock: VirtualClock;
export let log: RecordingLog;
export let git: TroubledGit;
let opened: EmbeddedGitLab[];

/** Before each test. */
export async function makeWorld(): Promise<void> {
  folder = await temporaryFolder();
  file = join(folder.path, 'directory.yaml');
  clock = new VirtualClock();
  log = new RecordingLog();
  git = new TroubledGit();
  opened = [];
}
/** After each test. */
export async function endWorld(): Promise<void> {
  await Promise.all(opened.map((gitlab) => gitlab.close()));
  await folder[Symbol.asyncDispose]();
}

export async function open(
  options: { watch?: boolean; silent?: boolean; at?: string } = {},
): Promise<EmbeddedGitLab> {
  const gitlab = await openEmbeddedGitLab({
    file: options.at ?? file,
    git,
    clock,
    log,
    parseConfiguration: parseAgentConfiguration,
    watch: options.watch ?? false,
    ...(options.silent === true ? { watchFolder: () => ({ close() {} }) } : {}),
  });
  opened.push(gitlab);
  return gitlab;
}

export function repositoryOf(name: string): Promise<BareRepository> {
  return BareRepository.init(join(folder.path, 'repositories', `${name}.git`));
}

export const configuration = (agent: string) => `.gitlab/agents/${agent}/config.yaml`;
