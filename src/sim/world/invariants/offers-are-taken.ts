import type { Invariant } from './invariant.ts';

export const offersAreTaken: Invariant = {
  id: 'offers-are-taken',
  reason:
    'A tunnel that offers itself again serves again: else every request costs a new stream, and a way to the agent and back.',
  moved(scene, process, { machine, actorId, from, to, event }) {
    if (machine !== 'tunnel' || from !== 'rearming' || event !== 'descriptor.received' || to === 'idle')
      return;
    scene.fail(this, `${process.name} ${actorId} offered itself again, and is ${to}`);
  },
};
