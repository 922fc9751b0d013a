/** Runs by seed, in a worker thread: Node's network and time are borrowed there, and nobody else's are touched. */
import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { BugName } from './named-bugs.ts';
import type { WireOutcome } from './outcome.ts';

export interface WireRuns {
  /** `programs`: kas and agentk; `calls`: our gRPC and grpc-js. */
  readonly scenario?: 'programs' | 'calls';
  /** Planted: the runs should fail. */
  readonly bug?: BugName | undefined;
  readonly seeds: readonly number[];
  /** In place of what seeds draw: plans that were written down. They say by themselves which scenario they are of. */
  readonly plans?: readonly WireOutcome['plan'][];
  /** Outcomes carry the whole trace. */
  readonly wholeTrace?: boolean;
}

/** The outcome of each seed or plan, in order; throws when the thread itself fails. */
export async function* runWire(runs: WireRuns): AsyncGenerator<WireOutcome> {
  const own = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./wire.thread.${own}`, import.meta.url), { workerData: runs });
  try {
    let left = (runs.plans ?? runs.seeds).length;
    if (left === 0) return;
    for await (const [outcome] of on(worker, 'message') as AsyncIterable<[WireOutcome]>) {
      yield outcome;
      left -= 1;
      if (left === 0) return;
    }
  } finally {
    await worker.terminate();
  }
}
