import { levelOf } from '../agent-configuration.ts';
import type { Invariant } from './invariant.ts';

export const newestConfiguration: Invariant = {
  id: 'newest-configuration',
  reason: 'Every agent ends with the configuration its repository has, whatever was lost on the way.',
  settled(world, report) {
    for (const host of world.agents) {
      const wanted = levelOf(world.gitlab.head(host.agent).file);
      if (host.level !== wanted)
        report(`${host.name} is at level ${host.level}, its repository says ${wanted}`);
    }
  },
};
