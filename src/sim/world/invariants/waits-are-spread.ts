import type { Scene } from '../scene.ts';
import type { Invariant } from './invariant.ts';

/** Three waits that are equal to the microsecond were not drawn. */
const equalMax = 2;
const waits = new Set(['running.session.backingOff', 'running.session.refused', 'backingOff']);
/** Their deadlines are rounded to the ticks of a wheel. */
const rounded = new Set(['tunnelClient']);
const seen = new WeakMap<Scene, Map<string, number>>();

export const waitsAreSpread: Invariant = {
  id: 'waits-are-spread',
  reason:
    'Thousands lose the same kas at the same moment; who does not wait a random time comes back with all others.',
  stayed(scene, { process, actorId, machine, state, lastedMs, endedBy }) {
    if (!waits.has(state) || rounded.has(machine) || endedBy?.startsWith('xstate.after') !== true) return;
    let counts = seen.get(scene);
    if (counts === undefined) seen.set(scene, (counts = new Map()));
    const wait = `${machine} ${lastedMs.toFixed(3)}`;
    const count = (counts.get(wait) ?? 0) + 1;
    counts.set(wait, count);
    if (count <= equalMax) return;
    scene.fail(this, `${process.name} ${actorId} is the third to wait ${lastedMs.toFixed(3)} ms in ${state}`);
  },
};
