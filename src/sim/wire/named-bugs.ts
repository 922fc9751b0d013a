/**
 * Bugs by name, to prove that the invariants find them: a program sends frames it should not, or leaves out some, or its
 * timers do not fire. The programs themselves stay as they are.
 */
import type { Clock } from '../../ports/index.ts';
import { agentLinkDelays } from '../../../statecharts/index.ts';
import { frameType, type FrameChange } from './frame-filter.ts';

export type Program = 'kas' | 'agentk';

interface Bug {
  readonly whose: Program;
  /** Between kas and agentk, or between our gRPC and grpc-js. */
  readonly scenario: 'programs' | 'calls';
  readonly frames?: FrameChange;
  readonly clock?: (clock: Clock) => Clock;
}

const lost: readonly Buffer[] = [];
const acknowledgement = 1;
const endStream = 1;

/** Every frame of a type is forgotten; with `flag`, those that carry it. */
const forgets =
  (type: number, flag = 0): FrameChange =>
  (frame) =>
    frame.type === type && (frame.flags & flag) === flag ? lost : [frame.bytes];

/** Once in so many DATA frames with something in them. */
function everyNth(count: number, change: (bytes: Buffer) => readonly Buffer[]): FrameChange {
  let seen = 0;
  return ({ type, flags, bytes }) =>
    type === frameType.data && (flags & endStream) === 0 && bytes.length > 50 && ++seen % count === 0
      ? change(bytes)
      : [bytes];
}

const withoutEnd: FrameChange = ({ type, flags, bytes }) => {
  if (type !== frameType.data || (flags & endStream) === 0) return [bytes];
  const changed = Buffer.from(bytes);
  changed[4] = flags & ~endStream;
  return [changed];
};

const withoutTimers =
  (isOff: (delayMs: number) => boolean) =>
  (clock: Clock): Clock => ({
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimeout: (fn, delayMs) => (isOff(delayMs) ? undefined : clock.setTimeout(fn, delayMs)),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  });

const neverReleased = (clock: Clock): Clock => ({
  now: () => clock.now(),
  monotonic: () => clock.monotonic(),
  setTimeout: (fn, delayMs) => clock.setTimeout(fn, delayMs),
  clearTimeout: () => {},
});

const kasPingMs = 50_000;
const pings = acknowledgement;

export const namedBugs = {
  'kas forgets GOAWAY': { whose: 'kas', scenario: 'programs', frames: forgets(frameType.goAway) },
  'kas never gives a window back': {
    whose: 'kas',
    scenario: 'programs',
    frames: forgets(frameType.windowUpdate),
  },
  'kas resets no stream': { whose: 'kas', scenario: 'programs', frames: forgets(frameType.reset) },
  'kas answers no ping': { whose: 'kas', scenario: 'programs', frames: forgets(frameType.ping, pings) },
  'kas loses a message': { whose: 'kas', scenario: 'programs', frames: everyNth(40, () => lost) },
  'agentk forgets END_STREAM': { whose: 'agentk', scenario: 'programs', frames: withoutEnd },
  'agentk never gives a window back': {
    whose: 'agentk',
    scenario: 'programs',
    frames: forgets(frameType.windowUpdate),
  },
  'agentk resets no stream': { whose: 'agentk', scenario: 'programs', frames: forgets(frameType.reset) },
  'agentk answers no ping': { whose: 'agentk', scenario: 'programs', frames: forgets(frameType.ping, pings) },
  'agentk loses a frame': { whose: 'agentk', scenario: 'programs', frames: everyNth(200, () => lost) },
  'agentk sends a frame twice': {
    whose: 'agentk',
    scenario: 'programs',
    frames: everyNth(200, (bytes) => [bytes, bytes]),
  },
  'kas does not ping': { whose: 'kas', scenario: 'programs', clock: withoutTimers((ms) => ms === kasPingMs) },
  'agentk does not ping': {
    whose: 'agentk',
    scenario: 'programs',
    clock: withoutTimers((ms) => ms === agentLinkDelays.pingMs),
  },
  'deadlines do not fire': {
    whose: 'agentk',
    scenario: 'calls',
    clock: withoutTimers((ms) => [50, 2_000, 30_000, 120_000].includes(ms)),
  },
  'deadlines are not released': { whose: 'kas', scenario: 'calls', clock: neverReleased },
} as const satisfies Readonly<Record<string, Bug>>;

export type BugName = keyof typeof namedBugs;

export function bugNamed(name: BugName | undefined): Bug | undefined {
  return name === undefined ? undefined : namedBugs[name];
}

export function isBugName(name: unknown): name is BugName {
  return typeof name === 'string' && Object.hasOwn(namedBugs, name);
}
