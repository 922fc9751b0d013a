import type { Invariant } from './invariant.ts';

/** An agent that cannot be told finds out by itself that its connection is dead. */
const toldMsMax = 85_000;

export const userGone: Invariant = {
  id: 'user-gone',
  reason:
    'Nobody reads what is done for a user who left: kas lets go at once, the cluster as soon as it can be told.',
  left(world, request) {
    const { kas } = request;
    const living = kas?.server?.parts.requests.count ?? 0;
    const open = kas === undefined ? 0 : world.book.openAt(kas).length;
    if (living > open) world.fail(this, `${kas?.name} holds ${living} requests for ${open} users`);
  },
  looked(world) {
    for (const { id, working, seen, endedMs } of world.book.all) {
      const sinceMs = world.kernel.nowMs - endedMs;
      if (working && seen !== undefined && sinceMs > toldMsMax)
        world.fail(this, `request ${id} has ended ${Math.round(sinceMs)} ms ago, and is still worked on`);
    }
  },
  settled(world, report) {
    for (const { id, working, seen } of world.book.all) {
      if (working && seen !== undefined) report(`request ${id} has ended, and is still worked on`);
    }
  },
};
