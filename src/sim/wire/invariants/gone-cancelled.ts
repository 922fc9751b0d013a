import { wireLimits } from '../limits.ts';
import type { Invariant } from './invariant.ts';

export const goneCancelled: Invariant = {
  id: 'gone-cancelled',
  reason: 'What nobody waits for any more must not keep a tunnel, a connection and the API server busy.',
  watch: (world, fail) => ({
    step: () => {
      const now = world.kernel.nowMs;
      if (now < world.plan.stormMs + wireLimits.goneMsMax) return;
      for (const { served } of world.apis) {
        for (const { id, state } of served) {
          const endedMs = world.requests[id - 1]?.endedMs ?? Infinity;
          if (state === 'running' && now - endedMs > wireLimits.goneMsMax) {
            fail(`request ${id} still runs ${Math.round((now - endedMs) / 1_000)} s after its user is gone`);
          }
        }
      }
    },
  }),
};
