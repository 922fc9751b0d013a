import type { Invariant } from './invariant.ts';

/** A cancel has to travel; a path that is cut holds it up until keepalive ends the connection. */
const cancelMsMax = 180_000;

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
  settled(world) {
    const now = world.kernel.nowMs;
    for (const { id, working, seen, endedMs } of world.book.all) {
      if (working && seen !== undefined && now - endedMs > cancelMsMax) {
        world.fail(this, `request ${id} is still worked on, ${Math.round(now - endedMs)} ms after its end`);
      }
    }
  },
};
