import { settledMs } from '../plan.ts';
import type { Invariant } from './invariant.ts';

/** Waiting for a tunnel, authorisation, and the longest silence of a lost connection. */
const graceMs = 200_000;

export const everyRequestEnds: Invariant = {
  id: 'every-request-ends',
  reason: 'An admitted request is answered or cut within a bound; in a whole world it is answered well.',
  ended(world, request) {
    const { seen, planned, hadAgent, left, orphaned, id } = request;
    if (planned.atMs < world.plan.healMs + settledMs || left || orphaned || !hadAgent) return;
    if (seen?.status !== 200 || !seen.whole) {
      const said = seen?.text.slice(0, 400).replaceAll(/\s+/g, ' ');
      world.fail(this, `request ${id} was not served in a whole world: ${said}`);
    }
  },
  settled(world) {
    const now = world.kernel.nowMs;
    for (const { id, kas, seen, planned, admittedMs } of world.book.all) {
      if (kas === undefined || seen !== undefined) continue;
      const lastsMs = now - admittedMs - planned.thinkMs - planned.streamMs;
      if (lastsMs > graceMs) world.fail(this, `request ${id} has not ended after ${Math.round(lastsMs)} ms`);
    }
  },
};
