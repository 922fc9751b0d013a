/** What is told of one run. Plain data: it crosses threads. */
import { traceText } from '../kernel/index.ts';
import type { Plan } from './plan.ts';
import type { World } from './world.ts';

export interface WireOutcome {
  readonly seed: number;
  readonly weather: Plan['weather'];
  /** Of everything that happened, segment by segment. */
  readonly hash: string;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly failure: { readonly id: string; readonly text: string } | undefined;
  /** How requests ended, and how many so. */
  readonly endings: Readonly<Record<string, number>>;
  /** Which of the things a run may meet this one met (`sightings`). */
  readonly sighted: readonly Sighting[];
  readonly plan: Plan;
  /** The last lines; all of them when they were asked for. */
  readonly lines: readonly string[];
}

const shownLines = 40;

/** Things that must happen in some run, or the runs prove little: each by what the trace says then. */
export const sightings = {
  'a request was answered': /request \d+ answered 200/,
  'a user left': /request \d+ left/,
  'a request broke off': /request \d+ broken/,
  'kas answered for an agent': /request \d+ answered 502/,
  'a connection was reset': /< RST/,
  'a middlebox forgot a connection': / forgot /,
  'agentk noticed silence': /keepalive ping in time/,
  'the API server was cut off': /api \d+ gone/,
  'TCP gave a connection up': /timed out/,
  'kas stopped in good order': /kas stopped/,
  'agentk stopped in good order': /agent-\d+ stopped/,
  'a program lost its power': /"how":"power"/,
  'kas went away while agentk was connected': /Endpoint is draining/,
} as const;

export type Sighting = keyof typeof sightings | 'a slow user held the API server back';

/** Held back by more than this, an answer has filled HTTP/2's window. */
const windowFullBytes = 1024 * 1024;

export function outcomeOf(world: World, wholeTrace: boolean): WireOutcome {
  const { kernel, plan } = world;
  const endings: Record<string, number> = {};
  for (const { ending } of world.requests) {
    const name =
      ending?.kind === 'answered'
        ? String(ending.httpStatus)
        : ending?.kind === 'broken'
          ? ending.reason
          : (ending?.kind ?? 'open');
    endings[name] = (endings[name] ?? 0) + 1;
  }
  const all = kernel.trace.latest(Infinity);
  const sighted: Sighting[] = (Object.keys(sightings) as (keyof typeof sightings)[]).filter((name) =>
    all.some(({ text }) => sightings[name].test(text)),
  );
  if (world.mostHeld > windowFullBytes) sighted.push('a slow user held the API server back');
  const { failure } = kernel;
  return {
    seed: plan.seed,
    weather: plan.weather,
    hash: kernel.trace.hash,
    steps: kernel.steps,
    simulatedMs: kernel.nowMs,
    failure: failure === undefined ? undefined : { id: failure.id, text: failure.text },
    endings,
    sighted,
    plan,
    lines: kernel.trace.latest(wholeTrace ? Infinity : shownLines).map(traceText),
  };
}
