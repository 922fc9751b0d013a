import { wireLimits } from '../limits.ts';
import type { Invariant } from './invariant.ts';

export const boundedBuffers: Invariant = {
  id: 'bounded-buffers',
  reason:
    'A user who does not read holds the API server back; nobody on the way may collect the answer for him.',
  watch: (world, fail) => ({
    step: () => {
      for (const { served } of world.apis) {
        for (const { id, written, state } of served) {
          const request = world.requests[id - 1];
          if (state !== 'running' || request === undefined || request.ending !== undefined) continue;
          const held = written - request.download.bytes;
          world.mostHeld = Math.max(world.mostHeld, held);
          if (held > wireLimits.heldBytesMax) fail(`request ${id}: ${held} bytes are held on the way`);
        }
      }
    },
  }),
};
