/** Calls between one client and one server, one of them grpc-js: what happens, drawn from the seed. */
import { SeededRandom } from '../../kernel/index.ts';
import type { PathQuality } from '../../pipes/index.ts';

export interface PlannedCall {
  readonly atMs: number;
  readonly deadlineMs: number;
  /** Messages of the client after the first, and of the server. */
  readonly uploads: number;
  readonly uploadBytes: number;
  readonly replies: number;
  readonly replyBytes: number;
  /** The server waits between its messages; the client reads no faster than one in this time. */
  readonly replyGapMs: number;
  readonly readGapMs: number;
  readonly cancelAfterMs: number | undefined;
}

export interface LinkFault {
  readonly kind: 'reset' | 'out' | 'back' | 'both';
  readonly atMs: number;
  readonly forMs: number;
}

export interface CallsPlan {
  readonly seed: number;
  readonly weather: 'calm' | 'stormy';
  /** Which end is grpc-js; the other is ours. */
  readonly grpcJs: 'client' | 'server';
  readonly path: PathQuality;
  /** Connections are sent away after this, give or take. */
  readonly ageMsMax: number;
  readonly stormMs: number;
  readonly calls: readonly PlannedCall[];
  readonly faults: readonly LinkFault[];
}

const KiB = 1024;

export function drawCallsPlan(seed: number): CallsPlan {
  const random = new SeededRandom(seed, 'calls');
  const weather = random.chance(0.35) ? 'calm' : 'stormy';
  const stormMs = random.between(60_000, 200_000);
  return {
    seed,
    weather,
    grpcJs: random.pick(['client', 'server'] as const),
    path: {
      latencyMs: random.pick([0.2, 5, 40]),
      jitterMs: random.pick([0, 1, 20]),
      bytesPerMs: random.pick([400, 2_000, 100_000]),
      segmentBytesMax: random.pick([1_460, 8 * KiB, 64 * KiB]),
      answersProbes: true,
    },
    // In calm weather no call lasts longer than a connection that was sent away.
    ageMsMax: random.pick([weather === 'calm' ? 240_000 : 100_000, 300_000, 7_200_000]),
    stormMs,
    calls: drawCalls(random.fork('calls'), weather, stormMs),
    faults: weather === 'calm' ? [] : drawFaults(random.fork('faults'), stormMs),
  };
}

function drawCalls(random: SeededRandom, weather: CallsPlan['weather'], stormMs: number): PlannedCall[] {
  const bytes = () => random.below(random.pick([1, 50, 4 * KiB, 60 * KiB]) + 1);
  const count = () => (random.chance(0.6) ? 1 : random.below(20));
  return Array.from({ length: 10 + random.below(30) }, () => {
    const slow = random.chance(0.1);
    return {
      atMs: random.between(1_000, stormMs),
      deadlineMs: weather === 'calm' ? 600_000 : random.pick([50, 2_000, 30_000, 120_000]),
      uploads: count(),
      uploadBytes: bytes(),
      replies: slow ? 60 + random.below(40) : count(),
      replyBytes: slow ? 64 * KiB : bytes(),
      replyGapMs: random.chance(0.2) ? random.between(1, 2_000) : 0,
      readGapMs: slow ? random.between(100, 1_000) : 0,
      cancelAfterMs: random.chance(0.1) ? random.between(1, 5_000) : undefined,
    };
  }).sort((a, b) => a.atMs - b.atMs);
}

function drawFaults(random: SeededRandom, stormMs: number): LinkFault[] {
  const faults: LinkFault[] = [];
  const meanMs = random.pick([8_000, 30_000]);
  for (let atMs = random.around(meanMs); atMs < stormMs; atMs += random.around(meanMs)) {
    const kind = random.pick(['reset', 'out', 'back', 'both'] as const);
    const forMs = random.between(5, random.pick([300, 8_000, 120_000]));
    faults.push({ kind, atMs, forMs: Math.min(forMs, stormMs - atMs) });
  }
  return faults;
}
