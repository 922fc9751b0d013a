import type { Invariant } from './invariant.ts';

export const nothingLeft: Invariant = {
  id: 'nothing-left',
  reason: 'A stream, timer, actor or socket that outlives its program is a leak in one that goes on.',
  watch: (world, fail) => ({
    end: () => {
      for (const [index, sizes] of world.sizes().entries()) {
        for (const [what, size] of Object.entries(sizes))
          if (size > 0) fail(`kas ${index + 1} has ${size} ${what} left`);
      }
      for (const { running } of world.agentLives) {
        const { idle = 0, busy = 0 } = running?.tunnels ?? {};
        if (idle + busy > 0) fail(`an agent has ${idle + busy} tunnels left`);
      }
      for (const { ends } of world.network.connections) fail(`${ends.dialled.simulatedName} is still open`);
      if (world.kernel.planned > 0) fail(`${world.kernel.planned} timers are left`);
    },
  }),
};
