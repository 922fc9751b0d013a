import { agentIdOf } from '../simulated-gitlab.ts';
import type { Invariant } from './invariant.ts';

export const connectedAfterHealing: Invariant = {
  id: 'connected-after-healing',
  reason: 'When all is whole again every agent is back by itself, once, with tunnels that are free.',
  settled(world, report) {
    const servers = world.kas.flatMap(({ server }) => (server === undefined ? [] : [server.parts]));
    const sessions = new Map<bigint | undefined, number>();
    for (const { agent } of servers.flatMap(({ sessions: all }) => registered(all.all()))) {
      sessions.set(agent?.agentId, (sessions.get(agent?.agentId) ?? 0) + 1);
    }
    for (const host of world.agents) {
      const agentId = agentIdOf(host.agent);
      if (host.agentk?.connected !== true) {
        report(`${host.name} is not connected`);
        continue;
      }
      const count = sessions.get(agentId) ?? 0;
      if (count !== 1) report(`${host.name} has ${count} registered sessions`);
      const idle = servers.reduce((sum, { directory }) => sum + directory.idleOf(agentId), 0);
      if (idle < 1) report(`${host.name} has ${idle} free tunnels`);
      const { tunnels } = host.agentk;
      if (tunnels.idle !== idle) {
        world.tally.count('tunnels on their way at the end');
      }
    }
  },
};

function registered<S extends { readonly registered: boolean }>(all: Iterable<S>): readonly S[] {
  return [...all].filter((session) => session.registered);
}
