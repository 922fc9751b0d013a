import type { Invariant } from './invariant.ts';

const dialsPerMinuteMax = 14;
const minuteMs = 60_000;

export const dialsAreBounded: Invariant = {
  id: 'dials-are-bounded',
  reason:
    'An agent that cannot stay connected backs off; thousands that do not are an attack on their own kas.',
  dialled(world, host) {
    const { dials } = host;
    const first = dials.at(-1 - dialsPerMinuteMax);
    if (first !== undefined && world.kernel.nowMs - first < minuteMs) {
      world.fail(this, `${host.name} dialled more than ${dialsPerMinuteMax} times in a minute`);
    }
  },
};
