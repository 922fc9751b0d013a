/** A program given as a command line, as the conformance kit runs it. */
import { spawn, type ChildProcess } from 'node:child_process';

export class Program {
  #log = '';
  #end: { readonly ok: boolean } | undefined;
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;

  /** The command is a shell's: words, quotes and variables are its business. */
  constructor(command: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#child = spawn('/bin/sh', ['-c', `exec ${command} "$@"`, 'conformance', ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (data: Buffer) => (this.#log = (this.#log + data.toString()).slice(-20_000)));
    this.#closed = new Promise((resolve) =>
      this.#child.once('close', (code) => {
        this.#end = { ok: code === 0 };
        resolve();
      }),
    );
  }

  /** The last of what it said. */
  get log(): string {
    return this.#log;
  }

  get end(): { readonly ok: boolean } | undefined {
    return this.#end;
  }

  stop(): void {
    this.#child.kill('SIGTERM');
  }

  async kill(): Promise<void> {
    if (this.#end === undefined) this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
