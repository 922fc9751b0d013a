/**
 * What happened in a run, line by line. All lines go into the hash, by which two runs are compared; the last ones are kept
 * for people, or all of them when a run is replayed.
 */
import { kernelLimits } from './limits.ts';

export interface TraceLine {
  readonly atMs: number;
  readonly text: string;
}

export class Trace {
  readonly #keepAll: boolean;
  readonly #lines: TraceLine[] = [];
  #hash = 0x811c9dc5;
  #count = 0;

  constructor(options: { readonly keepAll?: boolean | undefined } = {}) {
    this.#keepAll = options.keepAll ?? false;
  }

  add(atMs: number, text: string): void {
    let hash = this.#hash;
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    this.#hash = Math.imul(hash ^ Math.floor(atMs * 1000), 0x01000193);
    if (this.#keepAll) this.#lines.push({ atMs, text });
    else this.#lines[this.#count % kernelLimits.traceLinesKept] = { atMs, text };
    this.#count++;
  }

  /** Of everything that was added so far. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  get count(): number {
    return this.#count;
  }

  /** The last lines, oldest first. */
  latest(limit: number = kernelLimits.traceLinesKept): readonly TraceLine[] {
    if (this.#keepAll) return this.#lines.slice(-limit);
    const from = this.#count % kernelLimits.traceLinesKept;
    return [...this.#lines.slice(from), ...this.#lines.slice(0, from)].slice(-limit);
  }
}

export function traceText({ atMs, text }: TraceLine): string {
  return `${(atMs / 1000).toFixed(3).padStart(10)}s ${text}`;
}
