import { agentIdOf } from '../simulated-gitlab.ts';
import type { Invariant } from './invariant.ts';

export const connectedAfterHealing: Invariant = {
  id: 'connected-after-healing',
  reason: 'When all is whole again every agent is back by itself, once, with tunnels that are free.',
  settled(world, report) {
    for (const host of world.agents) {
      const agentId = agentIdOf(host.agent);
      if (host.agentk?.connected !== true) {
        report(`${host.name} is not connected`);
        continue;
      }
      const servers = world.kas.flatMap(({ server }) => (server === undefined ? [] : [server.parts]));
      const sessions = servers.flatMap(({ sessions: all }) =>
        [...all.all()].filter((session) => session.agent?.agentId === agentId && session.registered),
      );
      if (sessions.length !== 1) report(`${host.name} has ${sessions.length} registered sessions`);
      const idle = servers.reduce((sum, { directory }) => sum + directory.idleOf(agentId), 0);
      if (idle < 1) report(`${host.name} has ${idle} free tunnels`);
      const { tunnels } = host.agentk;
      if (tunnels.idle !== idle) {
        world.tally.count('tunnels on their way at the end');
      }
    }
  },
};
