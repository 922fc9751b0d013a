import type { Invariant } from './invariant.ts';

export const oneRequestPerTunnel: Invariant = {
  id: 'one-request-per-tunnel',
  reason: 'A tunnel carries one request at a time; two on one would mix their bytes.',
  arrived(world, request, agent) {
    const tunnels = world.agents[agent]?.agentk?.tunnels;
    if (tunnels === undefined) return;
    const working = world.book.all.filter(
      ({ working: works, planned }) => works && planned.agent === agent,
    ).length;
    if (working > tunnels.busy) {
      world.fail(
        this,
        `agent${agent} works on ${working} requests, ${request.id} the last, with ${tunnels.busy} busy tunnels`,
      );
    }
  },
};
