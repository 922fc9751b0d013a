import type { Invariant } from './invariant.ts';

export const deliveredOnce: Invariant = {
  id: 'delivered-once',
  reason:
    'A request may change the cluster; kas must not make it twice. Only one that no agent had begun is tried again.',
  arrived(world, request, _agent, life) {
    if (request.arrivals.length > 1) {
      const lives = request.arrivals.map((arrival) => `agent${arrival.agent}.${arrival.life}`).join(' and ');
      world.fail(this, `request ${request.id} came to ${lives}, now in life ${life}`);
    }
  },
};
