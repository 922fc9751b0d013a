import type { Invariant } from './invariant.ts';

/** A GET that dies with a kept connection before any answer is made once more, as Go does. */
const readsMax = 2;

export const executedOnce: Invariant = {
  id: 'executed-once',
  reason:
    'A request that changes something must not reach the API server twice, nor that of another cluster.',
  watch: (world, fail) => ({
    step: () => {
      for (const { served } of world.apis) {
        const last = served.at(-1);
        if (last === undefined || last.state !== 'running') continue;
        const planned = world.requests[last.id - 1]?.planned;
        const times = served.filter(({ id }) => id === last.id).length;
        if (times > (last.isRead ? readsMax : 1)) fail(`request ${last.id} was executed ${times} times`);
        if (planned?.agentId !== last.agentId) fail(`request ${last.id} came to agent ${last.agentId}`);
      }
    },
  }),
};
