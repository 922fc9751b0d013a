import type { KasHost } from '../kas-host.ts';
import type { Scene } from '../scene.ts';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { Invariant } from './invariant.ts';

/** Nothing is left to do for the news that came before. */
const calmMs = 1_000;
const began = new WeakMap<SimulatedProcess, Map<string, number>>();

export const noPushIsLost: Invariant = {
  id: 'no-push-is-lost',
  reason:
    'Who pushes while his last push is on its way sees the newer one arrive too, and does not wait for the next poll.',
  moved(scene, process, { machine, actorId, to }) {
    if (machine !== 'configWatch' || to !== 'resolving') return;
    let watches = began.get(process);
    if (watches === undefined) began.set(process, (watches = new Map()));
    watches.set(actorId, scene.kernel.nowMs);
  },
  looked(scene) {
    for (const host of scene.kas) judge(scene, host);
  },
};

function judge(scene: Scene, { name, process, server }: KasHost): void {
  if (process === undefined) return;
  for (const { agent, tenants } of server?.parts.sessions.all() ?? []) {
    const toldMs = agent === undefined ? undefined : scene.toldMs(agent.agentId);
    if (toldMs === undefined || scene.kernel.nowMs - toldMs < calmMs) continue;
    for (const tenant of tenants.values()) {
      const watchId = 'watchId' in tenant ? String(tenant.watchId) : '';
      const readMs = Math.max(began.get(process)?.get(watchId) ?? Infinity, askedMs(scene, process, tenant));
      // It was there when the news came, and has not looked since.
      if (readMs < toldMs && (scene.lives.lastedMs(process, watchId, 'waiting') ?? 0) >= calmMs)
        scene.fail(
          noPushIsLost,
          `${name} ${watchId} was told of a push ${Math.round(toldMs - readMs)} ms after it had looked`,
        );
    }
  }
}

/** A watch that looks again at once is seen to move from a state into the same one, that is, not at all: it says when it asked. */
function askedMs({ kernel }: Scene, { clock }: SimulatedProcess, tenant: object): number {
  const askedAt = 'askedAt' in tenant ? tenant.askedAt : undefined;
  return typeof askedAt === 'number' ? kernel.nowMs - (clock.now() - askedAt) : -Infinity;
}
