import type { Invariant } from './invariant.ts';

export const endsOnce: Invariant = {
  id: 'ends-once',
  reason:
    'A request that ends twice frees a tunnel somebody else has by then; one that never ends keeps it for ever.',
  watch: (world, fail) => ({
    step: () => {
      for (const { id, endings } of world.requests) {
        if (endings.length > 1) fail(`request ${id} ended ${endings.length} times for its user`);
      }
      for (const { ended } of world.kasLives) {
        for (const [id, count] of ended) if (count > 1) fail(`${id} ended ${count} times in kas`);
      }
    },
    end: () => {
      for (const { id, endings } of world.requests)
        if (endings.length === 0) fail(`request ${id} never ended`);
    },
  }),
};
