/** What must hold in every run, and how a world is watched for it. */
import type { World } from '../world.ts';
import { boundedBuffers } from './bounded-buffers.ts';
import { calmSucceeds } from './calm-succeeds.ts';
import { endsOnce } from './ends-once.ts';
import { executedOnce } from './executed-once.ts';
import { goneCancelled } from './gone-cancelled.ts';
import type { Invariant } from './invariant.ts';
import { nothingLeft } from './nothing-left.ts';
import { rightBytes } from './right-bytes.ts';
import { silenceNoticed } from './silence-noticed.ts';

const invariants: readonly Invariant[] = [
  endsOnce,
  rightBytes,
  executedOnce,
  boundedBuffers,
  silenceNoticed,
  calmSucceeds,
  goneCancelled,
  nothingLeft,
];

/** Checks after each event from now on; answers what is to be checked when all programs have ended. */
export function judge(world: World): () => void {
  const watching = invariants.map((one) => one.watch(world, (text) => world.kernel.fail(one.id, text)));
  world.kernel.check(() => {
    for (const { step } of watching) step?.();
  });
  return () => {
    for (const { end } of watching) end?.();
  };
}
