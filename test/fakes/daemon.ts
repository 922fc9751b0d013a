/** A program that runs beside a test until it is stopped, by its process id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const startMs = 300_000;
const askAgainMs = 50;
const stopMs = 10_000;
const wordsMax = 4_000;

export class Daemon {
  readonly #name: string;
  readonly #child: ChildProcess;
  /** The end of what it said, for the error that tells why it did not start. */
  #words = '';

  constructor(name: string, program: string, args: readonly string[]) {
    this.#name = name;
    this.#child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#words = (this.#words + chunk.toString()).slice(-wordsMax);
    });
    this.#child.once('error', (error) => (this.#words += error.message));
  }

  get #runs(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }

  /** Asks until it is ready; a question that fails is no answer yet. */
  async untilReady(isReady: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + startMs;
    while (!(await isReady().catch(() => false))) {
      if (!this.#runs || Date.now() > deadline) {
        throw new Error(`${this.#name} did not become ready: ${this.#words}`);
      }
      await delay(askAgainMs);
    }
  }

  async stop(): Promise<void> {
    if (!this.#runs) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), stopMs);
    await exited;
    clearTimeout(late);
  }
}
