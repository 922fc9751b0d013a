import type { Invariant } from './invariant.ts';

export const refusedIsOut: Invariant = {
  id: 'refused-is-out',
  reason: 'Who was refused or is gone serves nobody: a revoked token must not go on answering requests.',
  moved(scene, process, { machine, actorId, from, to }) {
    if (machine !== 'tunnel' || from !== 'idle' || to !== 'claimed') return;
    const kas = scene.kas.find((host) => host.process === process);
    const session = kas?.server?.parts.tunnels.get(actorId)?.session;
    if (session?.ref?.getSnapshot().status === 'done')
      scene.fail(this, `${process.name} gives a request to ${actorId}, whose ${session.sessionId} has ended`);
  },
};
