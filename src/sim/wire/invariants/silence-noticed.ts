import type { Connection } from '../../pipes/index.ts';
import { wireLimits } from '../limits.ts';
import type { Invariant } from './invariant.ts';

export const silenceNoticed: Invariant = {
  id: 'silence-noticed',
  reason:
    'TCP says nothing of a dead peer: both ends of a link must ask, or requests wait for an agent that is gone.',
  watch: (world, fail) => {
    const silentSince = new Map<Connection, number>();
    return {
      step: () => {
        const now = world.kernel.nowMs;
        for (const connection of world.links()) {
          if (connection.isWhole) {
            silentSince.delete(connection);
            continue;
          }
          const since = silentSince.get(connection) ?? now;
          silentSince.set(connection, since);
          if (now - since <= wireLimits.silenceMsMax || connection.isOver) continue;
          const end = connection.isGone('dialled') ? 'kas' : 'agentk';
          fail(`${connection.ends.dialled.simulatedName}: ${end} has not noticed the silence`);
        }
      },
    };
  },
};
