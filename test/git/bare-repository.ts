/** Real bare repositories for tests, made by the git binary in a temporary folder. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GitRepository } from '../../src/ports/index.ts';

const environment = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
  GIT_COMMITTER_DATE: '1700000000 +0000',
};

export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'kastor-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export type Content = string | Buffer;
/** What becomes of a path in a commit: its content, a special entry, or nothing any more. */
export type Change = Content | { readonly symlink: string } | { readonly submodule: string } | null;

export class BareRepository {
  readonly gitDir: string;
  readonly port: GitRepository;

  constructor(gitDir: string, projectPath = 'demo/agents') {
    this.gitDir = gitDir;
    this.port = { projectPath, location: { kind: 'local', gitDir } };
  }

  static async init(gitDir: string, projectPath?: string, ...options: string[]): Promise<BareRepository> {
    await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', ...options, gitDir]);
    return new BareRepository(gitDir, projectPath);
  }

  async git(...args: string[]): Promise<string> {
    return (await run('git', ['--git-dir', this.gitDir, ...args])).toString('utf8').trim();
  }

  gitBytes(...args: string[]): Promise<Buffer> {
    return run('git', ['--git-dir', this.gitDir, ...args]);
  }

  /** Adds a commit to a branch and answers its id. Objects arrive loose. */
  async commit(files: Readonly<Record<string, Change>>, branch = 'main'): Promise<string> {
    const parts: Content[] = [
      `commit refs/heads/${branch}\ncommitter Test <test@example.com> 1700000000 +0000\n`,
    ];
    parts.push('data 4\ntest\n');
    if (await this.has(`refs/heads/${branch}`)) parts.push(`from refs/heads/${branch}^0\n`);
    for (const [path, change] of Object.entries(files)) parts.push(...changeLines(path, change));
    await run(
      'git',
      ['--git-dir', this.gitDir, 'fast-import', '--quiet', '--force'],
      Buffer.concat(parts.map(toBuffer)),
    );
    return this.git('rev-parse', `refs/heads/${branch}`);
  }

  async has(ref: string): Promise<boolean> {
    return this.git('rev-parse', '--quiet', '--verify', ref).then(
      () => true,
      () => false,
    );
  }
}

function changeLines(path: string, change: Change): Content[] {
  if (change === null) return [`D ${path}\n`];
  if (typeof change === 'object' && 'submodule' in change) return [`M 160000 ${change.submodule} ${path}\n`];
  const symlink = typeof change === 'object' && 'symlink' in change;
  const data = toBuffer(symlink ? change.symlink : change);
  return [`M ${symlink ? '120000' : '100644'} inline ${path}\ndata ${data.length}\n`, data, '\n'];
}

function toBuffer(content: Content): Buffer {
  return typeof content === 'string' ? Buffer.from(content) : content;
}

export function run(command: string, args: readonly string[], input?: Buffer, cwd?: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = {
      env: environment,
      encoding: 'buffer',
      maxBuffer: 1 << 28,
      ...(cwd === undefined ? {} : { cwd }),
    } as const;
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(' ')}: ${stderr.toString('utf8')}`));
    });
    child.stdin?.end(input);
  });
}
