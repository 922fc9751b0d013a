import { agentIdOf } from '../simulated-gitlab.ts';
import type { Invariant } from './invariant.ts';

/** After the faults, until keepalive has found every dead connection. */
const silenceMs = 90_000;
/** A pod registers at once on each new connection. */
const announcedMsMax = 20_000;

/**
 * Judged at the end of the quiet alone, not a minute after healing, because of clocks. Who is newer is told by the wall clocks of
 * two kas (`src/ports/store.ts`): the entry, or the farewell, of one that was minutes ahead outranks what the next kas writes
 * until it expires (`agent.redis_conn_info_ttl`), and the next one writes again with its refresh or the agent's next
 * Register. Measured over 30 seeds of drains, crashes and resets: up to 390 s with clocks that jump, 110 s without. A late word of
 * an older life would overwrite the living one for just as long if order were not kept, and clocks that are wrong are told of
 * (`redis_clock_offset_seconds`); so order is kept.
 */
export const oneEntryPerPod: Invariant = {
  id: 'one-entry-per-pod',
  reason: 'The shared directory shows the pods that live: one entry each, and none of those that are gone.',
  settled(world, report) {
    for (const host of world.agents) {
      void world.store.contents.agentsById(agentIdOf(host.agent)).then((entries) => {
        const pods = entries.map(({ podName }) => podName).join(', ');
        const wanted = `${host.name}-pod-${host.life}`;
        if (pods !== wanted) report(`${host.name} is listed as [${pods}], not as ${wanted}`);
      });
    }
  },
  looked(world) {
    const wholeMs = world.kernel.nowMs - world.plan.healMs - silenceMs;
    if (wholeMs < announcedMsMax) return;
    for (const { server, process, name } of world.kas) {
      if (server === undefined || process === undefined) continue;
      for (const { sessionId } of server.parts.sessions.all()) {
        const livedMs = world.lives.lastedMs(process, sessionId, 'registered') ?? 0;
        const dumbMs = world.lives.lastedMs(process, sessionId, 'registered.presence.unannounced') ?? 0;
        if (livedMs < wholeMs && dumbMs > announcedMsMax)
          world.fail(this, `${name} does not know the pod of ${sessionId} after ${Math.round(dumbMs)} ms`);
      }
    }
  },
  agentsStopped(world) {
    // An entry written by a clock that was ahead outranks the farewell, until it expires.
    if (world.plan.faults.some(({ kind }) => kind === 'clock-skew')) return;
    void world.store.contents.connectedAgents().then((count) => {
      if (count > 0) world.fail(this, `${count} agents are listed, though all were stopped in order`);
    });
  },
};
