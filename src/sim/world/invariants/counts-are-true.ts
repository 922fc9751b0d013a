import type { KasHost } from '../kas-host.ts';
import type { Scene } from '../scene.ts';
import type { Invariant } from './invariant.ts';

/** The current one of an agent, and those that finish what they have. */
const connectionsMax = 9;

export const countsAreTrue: Invariant = {
  id: 'counts-are-true',
  reason:
    'What has ended is forgotten and what lives is known: a leak is an outage in a month, a wrong count misleads people.',
  settled(scene, report) {
    const ends = new Map<string, number>();
    for (const { host } of scene.network.endpoints) ends.set(host, (ends.get(host) ?? 0) + 1);
    for (const host of scene.kas) judge(scene, host, ends.get(host.name) ?? 0, report);
    for (const { name } of scene.agents) {
      const has = ends.get(name) ?? 0;
      if (has > connectionsMax) report(`${name} has ${has} connections`);
    }
  },
};

function judge(scene: Scene, host: KasHost, ends: number, report: (text: string) => void): void {
  const { name, server } = host;
  if (server === undefined) return;
  const { requests, tunnels, directory, sessions, connections } = server.parts;
  const open = scene.book.openAt(host).length;
  if (requests.count !== open) report(`${name} holds ${requests.count} requests for ${open} users`);
  if (directory.waiting > requests.count)
    report(`${name} has ${directory.waiting} who wait among ${requests.count} requests`);
  if (directory.idleTunnels > tunnels.count)
    report(`${name} offers ${directory.idleTunnels} tunnels, and has ${tunnels.count}`);
  if (tunnels.count > directory.idleTunnels + requests.count)
    report(
      `${name} holds ${tunnels.count} tunnels, ${directory.idleTunnels} free, for ${requests.count} requests`,
    );
  if (connections.count !== ends) report(`${name} holds ${connections.count} connections, ${ends} are open`);
  for (const { sessionId, ref, tenants, registered } of sessions.all()) {
    if (!registered || host.process === undefined) continue;
    const has = tenants.values().some((tenant) => 'tunnelId' in tenant);
    const says = scene.lives.lastedMs(host.process, ref?.id ?? sessionId, 'registered.tunnels.available');
    if (has !== (says !== undefined))
      report(`${name} says of ${sessionId} that it has ${has ? 'no ' : ''}tunnels`);
  }
}
