import type { SimulatedProcess } from '../simulated-process.ts';
import { statePathsOf } from '../state-paths.ts';
import type { Invariant } from './invariant.ts';

/** Uptime that counts as success, shortest waits, and how they grow; less the jitter (`spec/wire.md §4.3`). */
const provenMs = 30_000;
const waitMsMin = 800;
const factor = 1.6;
const waitMsMax = 96_000;
const refusedMsMin = 24_000;
/** Being sent away in good order never makes the wait long. */
const sentAwayMax = 3;

interface Standing {
  failures: number;
  connectedMs: number;
  waitsSinceMs: number;
}

const standings = new WeakMap<SimulatedProcess, Standing>();
const states = ['delaying', 'connecting', 'connected', 'backingOff', 'refused'] as const;

function stateOf(name: string): (typeof states)[number] | undefined {
  const paths = statePathsOf(name);
  return states.find((state) => paths.has(`running.session.${state}`));
}

export const waitsGrow: Invariant = {
  id: 'waits-grow',
  reason:
    'A kas that accepts and drops, or refuses, is not hammered: each failure in a row makes the next wait longer.',
  moved(scene, process, { machine, from, to, event }) {
    if (machine !== 'agentLink') return;
    const [before, after] = [stateOf(from), stateOf(to)];
    if (before === after || after === undefined) return;
    const nowMs = scene.kernel.nowMs;
    let standing = standings.get(process);
    if (standing === undefined)
      standings.set(process, (standing = { failures: 0, connectedMs: 0, waitsSinceMs: 0 }));
    if (before === 'backingOff' || before === 'refused') {
      const waitedMs = nowMs - standing.waitsSinceMs;
      const growth = factor ** Math.max(0, standing.failures - 1);
      const leastMs = before === 'refused' ? refusedMsMin : Math.min(waitMsMax, waitMsMin * growth);
      if (waitedMs + 1 < leastMs)
        scene.fail(
          this,
          `${process.name} waited ${Math.round(waitedMs)} ms after ${standing.failures} failures, ${Math.round(leastMs)} at least`,
        );
    }
    if (before === 'connected') {
      standing.failures = nowMs - standing.connectedMs >= provenMs ? 0 : standing.failures + 1;
      if (event === 'goaway.received') standing.failures = Math.min(standing.failures, sentAwayMax);
    }
    if (before === 'connecting' && after === 'backingOff') standing.failures += 1;
    if (after === 'connected') standing.connectedMs = nowMs;
    if (after === 'backingOff' || after === 'refused') standing.waitsSinceMs = nowMs;
  },
};
