import type { Invariant } from './invariant.ts';

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
  settled(world, report) {
    for (const { id, working, seen } of world.book.all) {
      if (working && seen !== undefined) report(`request ${id} has ended, and is still worked on`);
    }
  },
};
