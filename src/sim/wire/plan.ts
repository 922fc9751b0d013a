/**
 * What happens in one run, all of it drawn from the seed before it begins: sizes, paths, requests, faults. A plan is plain
 * data; the same plan is the same run.
 */
import { SeededRandom } from '../kernel/index.ts';
import type { PathQuality } from '../pipes/index.ts';

/** `calm`: no fault, but connections age and programs are restarted in good order; every request must succeed. */
export type Weather = 'calm' | 'stormy';

export interface PlannedRequest {
  readonly atMs: number;
  readonly client: number;
  readonly agentId: number;
  readonly uploadBytes: number;
  readonly downloadBytes: number;
  /** The answer comes in so many pieces, this far apart. */
  readonly pieces: number;
  readonly gapMs: number;
  /** The API server answers before it has read the request. */
  readonly early: boolean;
  /** What the client reads; undefined: as fast as it comes. 0: nothing, until `leavesAfterMs`. */
  readonly readBytesPerMs: number | undefined;
  /** The client goes away after this, finished or not. */
  readonly leavesAfterMs: number | undefined;
}

export type PlannedFault =
  | { readonly kind: 'reset'; readonly atMs: number; readonly path: string }
  | {
      readonly kind: 'cut';
      readonly atMs: number;
      readonly path: string;
      readonly directions: 'out' | 'back' | 'both';
      readonly forMs: number;
    }
  | {
      /** A program ends at once and comes back: `power` without a word, `process` with its kernel's. */
      readonly kind: 'crash';
      readonly atMs: number;
      readonly what: 'kas' | number;
      readonly how: 'power' | 'process';
      readonly forMs: number;
    }
  | {
      /** A program is asked to stop, and comes back when it has. */
      readonly kind: 'restart';
      readonly atMs: number;
      readonly what: 'kas' | number;
      readonly forMs: number;
    };

export interface Plan {
  readonly seed: number;
  readonly weather: Weather;
  readonly agents: number;
  readonly clients: number;
  readonly reuse: boolean;
  readonly connectionAgeMsMax: number;
  readonly paths: Readonly<Record<string, PathQuality>>;
  /** Faults come until here; then everything is healed. */
  readonly stormMs: number;
  readonly requests: readonly PlannedRequest[];
  readonly faults: readonly PlannedFault[];
}

const KiB = 1024;

export const pathNames = {
  agent: (agentId: number) => `agent-${agentId}>kas`,
  api: (agentId: number) => `agent-${agentId}>api`,
  client: (client: number) => `client-${client}>kas`,
} as const;

export function drawPlan(seed: number): Plan {
  const random = new SeededRandom(seed, 'plan');
  const weather: Weather = random.chance(0.3) ? 'calm' : 'stormy';
  const agents = 1 + random.below(3);
  const clients = 1 + random.below(4);
  const stormMs = random.between(90_000, 240_000);
  const paths: Record<string, PathQuality> = {};
  for (let id = 1; id <= agents; id++) {
    paths[pathNames.agent(id)] = drawPath(random.fork(`agent path ${id}`), weather, true);
    paths[pathNames.api(id)] = drawPath(random.fork(`api path ${id}`), 'calm', false);
  }
  for (let id = 1; id <= clients; id++) {
    paths[pathNames.client(id)] = {
      ...drawPath(random.fork(`client path ${id}`), weather, true),
      answersProbes: false,
    };
  }
  const shape = { agents, clients, stormMs };
  return {
    seed,
    weather,
    ...shape,
    reuse: random.chance(0.7),
    connectionAgeMsMax: random.chance(0.5) ? random.between(120_000, 600_000) : 7_200_000,
    paths,
    requests: drawRequests(random.fork('requests'), shape),
    faults: drawFaults(random.fork('faults'), shape, weather, Object.keys(paths)),
  };
}

function drawPath(random: SeededRandom, weather: Weather, far: boolean): PathQuality {
  const middlebox = weather === 'stormy' && far && random.chance(0.25);
  return {
    answersProbes: far && random.chance(0.5),
    latencyMs: far ? random.pick([0.2, 2, 20, 80]) : 0.1,
    jitterMs: random.pick([0, 1, 20]),
    bytesPerMs: random.pick([20, 200, 2_000, 100_000]),
    segmentBytesMax: random.pick([1_460, 8 * KiB, 16 * KiB, 64 * KiB]),
    ...(middlebox
      ? {
          idleMsMax: random.between(5_000, 60_000),
          forgets: random.pick(['silently', 'with a reset'] as const),
        }
      : {}),
  };
}

interface Shape {
  readonly agents: number;
  readonly clients: number;
  readonly stormMs: number;
}

function drawRequests(random: SeededRandom, { agents, clients, stormMs }: Shape): PlannedRequest[] {
  const count = 5 + random.below(25);
  const sizes = [0, 1, 100, 4 * KiB, 40 * KiB, 200 * KiB];
  const size = () => (random.chance(0.05) ? random.below(KiB * KiB) : random.below(random.pick(sizes) + 1));
  return Array.from({ length: count }, () => {
    const slow = random.chance(0.07);
    const downloadBytes = slow ? random.below(5 * KiB * KiB) : size();
    return {
      atMs: random.between(500, stormMs),
      client: 1 + random.below(clients),
      agentId: 1 + random.below(agents),
      uploadBytes: random.chance(0.5) ? 0 : size(),
      downloadBytes,
      pieces: random.chance(0.3) ? 1 + random.below(30) : 1,
      gapMs: random.chance(0.2) ? random.between(0, 3_000) : 0,
      early: random.chance(0.1),
      readBytesPerMs: slow ? random.pick([0, 10, 200]) : undefined,
      leavesAfterMs: slow || random.chance(0.15) ? random.between(1, 40_000) : undefined,
    };
  }).sort((a, b) => a.atMs - b.atMs);
}

/** So many stormy runs have a cut long enough that only pings tell of it. */
const longCutShare = 0.5;

function longCut(random: SeededRandom, { agents, stormMs }: Pick<Shape, 'agents' | 'stormMs'>): PlannedFault {
  return {
    kind: 'cut',
    atMs: random.between(5_000, stormMs / 4),
    path: pathNames.agent(1 + random.below(agents)),
    directions: random.pick(['back', 'both'] as const),
    forMs: 150_000,
  };
}

function drawFaults(
  random: SeededRandom,
  { agents, stormMs }: Shape,
  weather: Weather,
  paths: readonly string[],
): PlannedFault[] {
  const anybody = (): 'kas' | number => (random.chance(0.3) ? 'kas' : 1 + random.below(agents));
  const forMs = () => random.between(10, random.pick([500, 5_000, 60_000, 300_000]));
  const kinds = {
    reset: (atMs: number): PlannedFault => ({ kind: 'reset', atMs, path: random.pick(paths) }),
    cut: (atMs: number): PlannedFault => ({
      kind: 'cut',
      atMs,
      path: random.pick(paths),
      directions: random.pick(['out', 'back', 'both'] as const),
      forMs: forMs(),
    }),
    power: (atMs: number): PlannedFault => ({
      kind: 'crash',
      atMs,
      what: anybody(),
      how: 'power',
      forMs: forMs(),
    }),
    kill: (atMs: number): PlannedFault => ({
      kind: 'crash',
      atMs,
      what: anybody(),
      how: 'process',
      forMs: forMs() / 4,
    }),
    restart: (atMs: number): PlannedFault => ({
      kind: 'restart',
      atMs,
      what: anybody(),
      forMs: random.between(1, 4_000),
    }),
  };
  const names = Object.keys(kinds) as (keyof typeof kinds)[];
  const drawn = weather === 'calm' ? (['restart'] as const) : names.filter(() => random.chance(0.5));
  const meanMs = weather === 'calm' ? random.pick([60_000, 1e9]) : random.pick([8_000, 20_000, 60_000]);
  const faults: PlannedFault[] = [];
  if (weather === 'stormy' && random.chance(longCutShare)) faults.push(longCut(random, { agents, stormMs }));
  if (drawn.length === 0) return faults;
  for (let atMs = random.around(meanMs); atMs < stormMs; atMs += random.around(meanMs)) {
    faults.push(kinds[random.pick(drawn)](atMs));
  }
  return faults;
}
