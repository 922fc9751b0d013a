import type { Scene } from '../scene.ts';
import { agentIdOf } from '../simulated-gitlab.ts';
import type { Invariant } from './invariant.ts';

/** After the faults, until keepalive has found every dead connection. */
const silenceMs = 90_000;
/** What an agent gets to be connected anew. */
const graceMs = 8_000;

export const sentAwayIsHeard: Invariant = {
  id: 'sent-away-is-heard',
  reason:
    'An agent whose connection goes away dials the next one at once. Who does not hear of it loses all tunnels at the cut.',
  looked(scene) {
    if (scene.kernel.nowMs < scene.plan.healMs + silenceMs) return;
    const leaving = leavingMs(scene);
    for (const { name, agent, process, stopping } of scene.agents) {
      const goesMs = leaving.get(agentIdOf(agent)) ?? 0;
      if (goesMs < graceMs || process === undefined || stopping) continue;
      const upMs = scene.lives.lastedMs(process, 'agent-link', 'running.session.connected') ?? 0;
      if (upMs >= graceMs)
        scene.fail(
          this,
          `${name} stays on a connection that goes away since ${Math.round(goesMs)} ms, and has no other`,
        );
    }
  },
};

/** By agent: since when its youngest connection goes away; 0 when that stays. */
function leavingMs(scene: Scene): ReadonlyMap<bigint, number> {
  const byAgent = new Map<bigint, number>();
  for (const { process, server } of scene.kas) {
    for (const { agent, connection } of server?.parts.sessions.all() ?? []) {
      if (agent === undefined || process === undefined) continue;
      const lasted = (age: string) =>
        scene.lives.lastedMs(process, connection.connectionId, `live.age.${age}`);
      const goesMs = lasted('young') === undefined ? (lasted('expired') ?? lasted('goingAway') ?? 0) : 0;
      byAgent.set(agent.agentId, Math.min(goesMs, byAgent.get(agent.agentId) ?? Infinity));
    }
  }
  return byAgent;
}
