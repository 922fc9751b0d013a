import type { SimulatedProcess } from '../simulated-process.ts';
import type { Invariant } from './invariant.ts';

/** Three that end at once may be opened anew at once; then each waits. */
const streamsMax = 15;
const withinMs = 10_000;

const ends = new WeakMap<SimulatedProcess, Map<string, number[]>>();

export const noHastyStreams: Invariant = {
  id: 'no-hasty-streams',
  reason:
    'A kas that ends every tunnel at once, as one that is full or on its way out does, must not be asked again and again.',
  moved(scene, process, { machine, actorId, from, to }) {
    if (machine !== 'tunnelClient' || from !== 'idle' || to !== 'waitingForLink') return;
    let tunnels = ends.get(process);
    if (tunnels === undefined) ends.set(process, (tunnels = new Map()));
    const times = tunnels.get(actorId) ?? [];
    tunnels.set(actorId, times);
    const nowMs = scene.kernel.nowMs;
    times.push(nowMs);
    if (times.length > streamsMax && nowMs - (times.shift() ?? 0) < withinMs)
      scene.fail(
        this,
        `${process.name} opened ${actorId} more than ${streamsMax} times within ${withinMs} ms for nothing`,
      );
  },
};
