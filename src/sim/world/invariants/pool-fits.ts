import type { SimulatedProcess } from '../simulated-process.ts';
import type { Invariant } from './invariant.ts';

/** Two that are free, and ten more at a time (`spec/wire.md §6.5`). */
const freeMin = 2;
const spareMax = 12;
const mendMsMax = 5_000;

interface Pool {
  /** Those that are not on their way out. */
  readonly open: Set<string>;
  readonly busy: Set<string>;
  peak: number;
  /** Since when too few are free. */
  shortSinceMs: number | undefined;
}

const pools = new WeakMap<SimulatedProcess, Pool>();

function poolOf(process: SimulatedProcess): Pool {
  let pool = pools.get(process);
  if (pool === undefined)
    pools.set(process, (pool = { open: new Set(), busy: new Set(), peak: 0, shortSinceMs: undefined }));
  return pool;
}

const isLeaving = (state: string) => state === 'retiring' || state === 'retired' || state === 'stopped';

export const poolFits: Invariant = {
  id: 'pool-fits',
  reason: 'Too few free tunnels make users wait, too many are streams that kas keeps for nobody.',
  moved(_scene, process, { machine, actorId, from, to }) {
    if (machine !== 'tunnelClient') return;
    const pool = poolOf(process);
    if (isLeaving(to)) pool.open.delete(actorId);
    else pool.open.add(actorId);
    if (to === 'busy') pool.busy.add(actorId);
    else if (from === 'busy') pool.busy.delete(actorId);
    pool.peak = Math.max(pool.peak, pool.busy.size);
  },
  looked(scene) {
    for (const { process, agentk, stopping, name } of scene.agents) {
      if (process === undefined || agentk === undefined || stopping) continue;
      const pool = poolOf(process);
      const { idle, busy } = agentk.tunnels;
      const { size } = pool.open;
      if (size > pool.peak + spareMax)
        scene.fail(this, `${name} has ${size} tunnels, and never used more than ${pool.peak} at once`);
      if (idle >= freeMin) pool.shortSinceMs = undefined;
      else if (scene.kernel.nowMs - (pool.shortSinceMs ??= scene.kernel.nowMs) > mendMsMax)
        scene.fail(
          this,
          `${name} has ${idle} free tunnels beside ${busy} busy ones, since more than ${mendMsMax} ms`,
        );
    }
  },
};
