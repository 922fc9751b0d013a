import type { Invariant } from './invariant.ts';

export const calmSucceeds: Invariant = {
  id: 'calm-succeeds',
  reason: 'Ages, GOAWAY and orderly restarts are daily life: no request that kas has taken may fail by them.',
  watch: (world, fail) => ({
    end: () => {
      if (world.plan.weather !== 'calm') return;
      for (const { id, ending, words } of world.requests) {
        if (ending?.kind === 'left' || (ending?.kind === 'answered' && ending.httpStatus === 200)) continue;
        // Nobody listened: kas was between two lives.
        if (ending?.kind === 'broken' && /^(ECONNREFUSED|ECONNRESET connect)/.test(ending.reason)) continue;
        fail(`request ${id} failed: ${JSON.stringify(ending)} ${words}`);
      }
    },
  }),
};
