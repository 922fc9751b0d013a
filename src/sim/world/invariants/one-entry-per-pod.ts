import { agentIdOf } from '../simulated-gitlab.ts';
import type { Invariant } from './invariant.ts';

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
