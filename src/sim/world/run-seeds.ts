/** Many seeds over several threads; results come as they are ready, in no particular order. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { PlanOptions } from './plan.ts';
import type { SeedResult, SeedTask } from './simulate.thread.ts';

export interface SeedRun {
  readonly seeds: readonly number[];
  readonly options?: PlanOptions;
  /** As many as there are cores unless given. */
  readonly threads?: number;
  readonly onResult?: (result: SeedResult, done: number) => void;
}

const youngMegabytes = 64; // simulations are garbage above all

/** Resolves when all were run, in the order of the seeds; rejects when a thread breaks. */
export async function runSeeds(run: SeedRun): Promise<readonly SeedResult[]> {
  const { seeds, options = {}, onResult = () => {} } = run;
  const threads = Math.min(run.threads ?? availableParallelism(), seeds.length);
  const results = new Map<number, SeedResult>();
  let next = 0;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(
        new URL(`./simulate.thread${extname(import.meta.filename)}`, import.meta.url),
        { resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes } },
      );
      const hand = () => {
        const seed = seeds[next++];
        if (seed === undefined) return void worker.terminate().then(() => resolve());
        worker.postMessage({ seed, options } satisfies SeedTask);
      };
      worker.on('message', (result: SeedResult) => {
        results.set(result.seed, result);
        onResult(result, results.size);
        hand();
      });
      worker.on('error', reject);
      hand();
    });
  await Promise.all(Array.from({ length: threads }, one));
  return seeds.flatMap((seed) => results.get(seed) ?? []);
}
