/** What is told of one run. Plain data: it crosses threads. */
import { traceText, type Kernel } from '../kernel/index.ts';
import type { CallsPlan, CallsWorld } from './calls/index.ts';
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
  readonly plan: Plan | CallsPlan;
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

/** Of kas and agentk. */
export function outcomeOf(world: World, wholeTrace: boolean): WireOutcome {
  const endings = world.requests.map(({ ending }) =>
    ending?.kind === 'answered'
      ? String(ending.httpStatus)
      : ending?.kind === 'broken'
        ? ending.reason
        : (ending?.kind ?? 'open'),
  );
  const outcome = told(world.kernel, world.plan, endings, wholeTrace);
  if (world.mostHeld <= windowFullBytes) return outcome;
  return { ...outcome, sighted: [...outcome.sighted, 'a slow user held the API server back'] };
}

/** Of calls between our gRPC and grpc-js. */
export function callsOutcomeOf({ kernel, plan, book }: CallsWorld, wholeTrace: boolean): WireOutcome {
  const endings = book.made.map(({ codes }) => `code ${codes[0] ?? 'none'}`);
  return told(kernel, plan, endings, wholeTrace);
}

function told(
  kernel: Kernel,
  plan: WireOutcome['plan'],
  ended: readonly string[],
  wholeTrace: boolean,
): WireOutcome {
  const endings: Record<string, number> = {};
  for (const name of ended) endings[name] = (endings[name] ?? 0) + 1;
  const all = kernel.trace.latest(Infinity);
  const { failure } = kernel;
  return {
    seed: plan.seed,
    weather: plan.weather,
    hash: kernel.trace.hash,
    steps: kernel.steps,
    simulatedMs: kernel.nowMs,
    failure: failure === undefined ? undefined : { id: failure.id, text: failure.text },
    endings,
    sighted: (Object.keys(sightings) as (keyof typeof sightings)[]).filter((name) =>
      all.some(({ text }) => sightings[name].test(text)),
    ),
    plan,
    lines: (wholeTrace ? all : all.slice(-shownLines)).map(traceText),
  };
}
