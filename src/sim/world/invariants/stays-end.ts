import type { Scene } from '../scene.ts';
import type { Stay } from '../life-book.ts';
import type { Invariant } from './invariant.ts';

const secondMs = 1_000;

/** The longest stay in a state, by machine; functions where the plan decides. Written from the specification, not read from the charts. */
const bounds: Readonly<Record<string, Readonly<Record<string, number | ((scene: Scene) => number)>>>> = {
  agentLink: {
    'running.session.connecting.dialing': 20 * secondMs,
    'running.session.connecting.handshaking': 20 * secondMs,
    'running.session.connected.quiet': 55 * secondMs,
    'running.session.connected.pinging': 20 * secondMs,
    'running.session.backingOff': 144 * secondMs,
    'running.session.refused': 360 * secondMs,
    'running.retired.draining': 55 * secondMs,
    'running.retired.checking': 20 * secondMs,
  },
  registration: { registered: 300 * secondMs, backingOff: 600 * secondMs },
  configurationWatch: { backingOff: 600 * secondMs },
  tunnelClient: { retiring: 10 * secondMs, backingOff: 24 * secondMs },
  tunnelPool: { mending: secondMs },
  agentConnection: {
    'live.tenancy.silent': 10 * secondMs,
    'live.keepalive.quiet': 50 * secondMs,
    'live.keepalive.probing': 20 * secondMs,
    'live.age.young': ({ plan }) => 0.22 * plan.ageMs,
    'live.age.goingAway': ({ plan }) => 0.14 * plan.ageMs,
    'live.age.expired': ({ plan }) => 0.65 * plan.ageMs,
    stale: 5 * secondMs,
    closing: 5 * secondMs,
  },
  agentSession: {
    authenticating: 15 * secondMs,
    backingOff: 5 * secondMs,
    'registered.identity.rechecking': 15 * secondMs,
    'registered.identity.doubted': 5 * secondMs,
    stale: 5 * secondMs,
  },
  configWatch: {
    resolving: 30 * secondMs,
    fetching: 30 * secondMs,
    delivering: 30 * secondMs,
    waiting: ({ plan }) => plan.pollMs,
    backingOff: 120 * secondMs,
  },
  request: { authorizing: 60 * secondMs, locating: 20 * secondMs, waiting: 20 * secondMs },
  tunnel: { claimed: 30 * secondMs, rearming: 10 * secondMs },
};
/** The tick of a deadline wheel. */
const lateMsMax = 60;

export const staysEnd: Invariant = {
  id: 'stays-end',
  reason: 'Every wait has a deadline: whoever stays longer than it waits for ever, and nobody is told.',
  stayed: judge,
  settled(scene) {
    // Most are judged when they end; to look at all that last takes its time.
    for (const stay of scene.lives.stays()) judge(scene, stay);
  },
};

function judge(scene: Scene, { process, actorId, machine, state, lastedMs, endedBy }: Stay): void {
  const bound = bounds[machine]?.[state];
  if (bound === undefined) return;
  const boundMs = typeof bound === 'number' ? bound : bound(scene);
  if (lastedMs <= boundMs + lateMsMax) return;
  const how = endedBy === undefined ? 'is there still' : `left by ${endedBy}`;
  scene.fail(
    staysEnd,
    `${process.name} ${actorId} was in ${state} for ${Math.round(lastedMs)} ms, ${boundMs} at most, and ${how}`,
  );
}
