import type { Invariant } from './invariant.ts';

export const nothingLeft: Invariant = {
  id: 'nothing-left',
  reason: 'What was asked to stop has stopped, and left no timer, no stream and no connection behind.',
  stopped(world) {
    for (const host of [...world.agents, ...world.kas]) {
      if (host.running) world.fail(this, `${host.name} has not stopped`);
    }
    const open = [...world.network.endpoints].length;
    if (open > 0) world.fail(this, `${open} ends of connections are left`);
  },
};
