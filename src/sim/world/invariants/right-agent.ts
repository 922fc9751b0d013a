import type { Invariant } from './invariant.ts';

export const rightAgent: Invariant = {
  id: 'right-agent',
  reason: 'A request that reaches the cluster of another agent crosses a border between tenants.',
  arrived(world, request, agent) {
    if (agent !== request.planned.agent) {
      world.fail(this, `request ${request.id} for agent${request.planned.agent} came to agent${agent}`);
    }
  },
};
