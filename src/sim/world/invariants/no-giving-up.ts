import { agentIdOf } from '../simulated-gitlab.ts';
import type { Invariant } from './invariant.ts';

export const noGivingUp: Invariant = {
  id: 'no-giving-up',
  reason:
    'Whoever waits for a tunnel gets the first one that is free: a lost wake-up is an outage nobody sees.',
  ended(world, request) {
    const { seen, kas, planned } = request;
    if (seen?.status !== 502 || !seen.text.includes('Agent connection not found')) return;
    const idle = kas?.server?.parts.directory.idleOf(agentIdOf(planned.agent)) ?? 0;
    if (idle > 0)
      world.fail(
        this,
        `request ${request.id} gave up while ${idle} tunnels of agent${planned.agent} were free`,
      );
    const waitedMs = world.kernel.nowMs - request.admittedMs;
    world.tally.count('no agent was there');
    if (waitedMs < 19_000) world.fail(this, `request ${request.id} gave up after ${waitedMs} ms`);
  },
};
