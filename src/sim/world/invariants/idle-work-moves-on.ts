import type { KasHost } from '../kas-host.ts';
import type { Scene } from '../scene.ts';
import type { Invariant } from './invariant.ts';

/** What may be on its way when a connection's time is over. */
const graceMs = 5_000;

export const idleWorkMovesOn: Invariant = {
  id: 'idle-work-moves-on',
  reason:
    'A connection whose age is over carries what runs, and nothing else: idle tunnels on it are requests that will be cut, an empty one is closed.',
  looked(scene) {
    for (const host of scene.kas) judge(scene, host);
  },
};

function judge(scene: Scene, { process, server }: KasHost): void {
  if (process === undefined || server === undefined) return;
  for (const { connection, tenants } of server.parts.sessions.all()) {
    const { connectionId, http2, members } = connection;
    const expiredMs = scene.lives.lastedMs(process, connectionId, 'live.age.expired') ?? 0;
    if (expiredMs < graceMs) continue;
    const age = `${connectionId}, whose time is over since ${Math.round(expiredMs)} ms`;
    const idle = tenants
      .values()
      .flatMap((tenant) => ('tunnelId' in tenant ? [String(tenant.tunnelId)] : []))
      .filter((tunnelId) => (scene.lives.lastedMs(process, tunnelId, 'idle') ?? 0) >= graceMs);
    if (idle.length > 0) scene.fail(idleWorkMovesOn, `${process.name} offers ${idle.join(', ')} of ${age}`);
    if (!http2.closed && [...members].every((member) => member.idle))
      // its peer may be slow to agree
      scene.fail(idleWorkMovesOn, `${process.name} keeps ${age}, though nothing is on it`);
  }
}
