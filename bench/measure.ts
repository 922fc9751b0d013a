/** Single measurements: load from a process of its own, and what the hops used meanwhile. */
import type { LoadPlan, LoadResult } from './load.ts';
import type { Part, Parts } from './processes.ts';
import type { Target } from './stage.ts';

export interface SmallResult {
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of each hop, nearest to the client first. */
  readonly cpuMicrosPerRequest: readonly (number | undefined)[];
}

export interface BodyResult {
  readonly mbPerSecond: number;
  readonly cpuMsPerMb: readonly (number | undefined)[];
  readonly peakMb: readonly (number | undefined)[];
}

export interface SlowResult {
  /** How much more memory than before the body the hops took at most, together. */
  readonly growthMb: number | undefined;
  readonly peakMb: readonly (number | undefined)[];
}

const mb = 1024 * 1024;

/** Requests one after the other on each connection: GETs of 1 KB, or what else is asked for. */
export async function measureSmall(
  parts: Parts,
  target: Target,
  connections: number,
  seconds: number,
  requests: Pick<Partial<LoadPlan>, 'path' | 'uploadBytes'> = {},
): Promise<SmallResult> {
  const { result, cpuMicros } = await run(parts, target, {
    mode: 'small',
    connections,
    seconds,
    ...requests,
  });
  return {
    rps: result.requests / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpuMicrosPerRequest: cpuMicros.map((micros) => scaled(micros, 1 / result.requests)),
  };
}

/** One body of `bytes` bytes, read or sent as fast as it goes. */
export async function measureBody(
  parts: Parts,
  target: Target,
  mode: 'down' | 'up',
  bytes: number,
): Promise<BodyResult> {
  for (const hop of target.hops) hop.resetPeak();
  const { result, cpuMicros } = await run(parts, target, { mode, bytes, path: bodyPath(mode, bytes) });
  return {
    mbPerSecond: bytes / mb / result.seconds,
    cpuMsPerMb: cpuMicros.map((micros) => scaled(micros, mb / 1000 / bytes)),
    peakMb: peaks(target.hops),
  };
}

/** A reader that takes about 1 MB/s of a body of `bytes` bytes and goes away after `seconds`. */
export async function measureSlow(
  parts: Parts,
  target: Target,
  bytes: number,
  seconds: number,
): Promise<SlowResult> {
  for (const hop of target.hops) hop.resetPeak();
  const before = sum(target.hops.map((hop) => hop.usage().rssKb));
  await run(parts, target, { mode: 'slow', bytes, seconds, path: bodyPath('slow', bytes) });
  const after = sum(target.hops.map((hop) => hop.usage().peakKb));
  const growthMb = before === undefined || after === undefined ? undefined : (after - before) / 1024;
  return { growthMb, peakMb: peaks(target.hops) };
}

async function run(
  parts: Parts,
  target: Target,
  plan: Partial<LoadPlan> & Pick<LoadPlan, 'mode'>,
): Promise<{ readonly result: LoadResult; readonly cpuMicros: readonly (number | undefined)[] }> {
  const whole: LoadPlan = {
    port: target.port,
    path: '/api/v1/namespaces/default/pods/one',
    headers: ['Accept: application/json', 'User-Agent: kastor-bench', ...target.headers],
    connections: 1,
    seconds: 1,
    bytes: 1024,
    ...plan,
  };
  const before = target.hops.map((hop) => hop.usage().cpuMicros);
  const result = await parts.start('load', './load.ts', [JSON.stringify(whole)]).answer<LoadResult>();
  if (result.failures > 0 || result.requests === 0) {
    throw new Error(
      `${target.name}, ${whole.mode}: ${result.failures} failures in ${result.requests} requests`,
    );
  }
  const cpuMicros = target.hops.map((hop, i) => {
    const now = hop.usage().cpuMicros;
    const then = before[i];
    return now === undefined || then === undefined ? undefined : now - then;
  });
  return { result, cpuMicros };
}

function bodyPath(mode: LoadPlan['mode'], bytes: number): string {
  return mode === 'up' ? '/sink' : `/body/${bytes}`;
}

function peaks(hops: readonly Part[]): (number | undefined)[] {
  return hops.map((hop) => scaled(hop.usage().peakKb, 1 / 1024));
}

function scaled(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value * by;
}

function sum(values: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const value of values) {
    if (value === undefined) return undefined;
    total += value;
  }
  return total;
}
