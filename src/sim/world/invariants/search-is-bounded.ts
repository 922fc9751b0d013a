import type { SimulatedProcess } from '../simulated-process.ts';
import type { Invariant } from './invariant.ts';

const searchMsMax = 20_000;
/** The tick of a deadline wheel, for each round of the search. */
const lateMsMax = 500;
const searched = new WeakMap<SimulatedProcess, Map<string, number>>();

export const searchIsBounded: Invariant = {
  id: 'search-is-bounded',
  reason: 'A user waits for a tunnel for twenty seconds altogether, however many are lost under the request.',
  stayed(scene, { process, machine, actorId, state, lastedMs }) {
    if (machine !== 'request' || (state !== 'locating' && state !== 'waiting')) return;
    let requests = searched.get(process);
    if (requests === undefined) searched.set(process, (requests = new Map()));
    const searchedMs = (requests.get(actorId) ?? 0) + lastedMs;
    requests.set(actorId, searchedMs);
    if (searchedMs > searchMsMax + lateMsMax)
      scene.fail(this, `${process.name} ${actorId} searched for ${Math.round(searchedMs)} ms`);
  },
};
