/**
 * The processes of a benchmark run. What is measured runs in processes of its own, so that its CPU and memory can be told
 * apart; all of them end with the run, however it ends.
 *
 * P1. Processes are ended by the pid we started, never by name.
 * P2. CPU and memory come from /proc; without it (not Linux) they are unknown, never invented.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** What a process has used so far. `undefined`: this system does not tell. */
export interface Usage {
  readonly cpuMicros: number | undefined;
  readonly rssKb: number | undefined;
  readonly peakKb: number | undefined;
}

/** What a process gets to end by itself. */
const graceMs = 5_000;

/** A running part of the benchmark. */
export class Part {
  readonly name: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #firstLine: Promise<string>;
  #lastWords = '';

  constructor(name: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.#lastWords = (this.#lastWords + text.toString()).slice(-4_000);
    });
    this.#firstLine = this.#readLine();
    this.#firstLine.catch(() => {}); // asked for later, or never
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it wrote to its log. */
  get lastWords(): string {
    return this.#lastWords;
  }

  /** The part's answer: one line of JSON on its standard output. Rejects with its last words when it ends without. */
  async answer<T>(): Promise<T> {
    return JSON.parse(await this.#firstLine) as T;
  }

  usage(): Usage {
    const status = readProc(`/proc/${this.pid}/status`);
    const kb = (field: string) => {
      const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status ?? '');
      return found === null ? undefined : Number(found[1]);
    };
    return { cpuMicros: this.#cpuMicros(), rssKb: kb('VmRSS'), peakKb: kb('VmHWM') };
  }

  /** Forgets the peak of memory reached so far. */
  resetPeak(): void {
    try {
      writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
    } catch {
      // P2: then the peak is the peak of the whole life
    }
  }

  /** Asks, waits a little, then insists (P1). */
  async end(): Promise<void> {
    if (!this.alive) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(insist);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  kill(): void {
    if (this.alive) this.#child.kill('SIGKILL');
  }

  #cpuMicros(): number | undefined {
    let nanos = 0;
    try {
      for (const task of readdirSync(`/proc/${this.pid}/task`)) {
        nanos += Number(readProc(`/proc/${this.pid}/task/${task}/schedstat`)?.split(' ')[0] ?? Number.NaN);
      }
    } catch {
      return undefined;
    }
    return Number.isNaN(nanos) ? undefined : nanos / 1000;
  }

  async #readLine(): Promise<string> {
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('no output');
    for await (const line of createInterface({ input: stdout })) return line;
    throw new Error(`${this.name} ended without an answer\n${this.#lastWords}`);
  }
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** All parts of a run. */
export class Parts {
  readonly #started: Part[] = [];

  start(
    name: string,
    script: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Part {
    const path = new URL(script, import.meta.url).pathname;
    const part = new Part(name, [path, ...args], env);
    this.#started.push(part);
    return part;
  }

  async endAll(): Promise<void> {
    await Promise.all(this.#started.map((part) => part.end()));
  }

  /** For an exit that cannot wait. */
  killAll(): void {
    for (const part of this.#started) part.kill();
  }
}
