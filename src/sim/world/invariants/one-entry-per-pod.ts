import { agentIdOf } from '../simulated-gitlab.ts';
import type { Invariant } from './invariant.ts';

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
};
