/** What every run over real Node needs of its event loop. */
import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import type { Kernel } from '../kernel/index.ts';
import { wireLimits } from './limits.ts';

/** Node needs several turns until http2, streams and promises have done all that one event leads to. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < wireLimits.turnsPerEvent; turns++) await turn();
}

/** Exceptions that escape are failures of the run. Answers the way to stop watching. */
export function watchSurprises(kernel: Kernel): () => void {
  const surprised = (error: unknown) =>
    kernel.fail('exception', error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.on('uncaughtException', surprised);
  process.on('unhandledRejection', surprised);
  return () => {
    process.off('uncaughtException', surprised);
    process.off('unhandledRejection', surprised);
  };
}
