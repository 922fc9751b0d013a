/** kas and agentk over real node:http2, on simulated connections: thirty seeds, all invariants (`src/sim/wire/invariants`). */
import { expect, test } from 'vitest';
import { runWire, sightings, type WireOutcome } from '../../../src/sim/wire/index.ts';

const seeds = Array.from({ length: 30 }, (_, index) => index + 1);

test('thirty seeds hold, and meet everything that a run may meet', { timeout: 600_000 }, async () => {
  const sighted = new Set<string>();
  const broken: Pick<WireOutcome, 'seed' | 'failure' | 'lines'>[] = [];
  for await (const { seed, failure, lines, sighted: met } of runWire({ seeds })) {
    if (failure !== undefined) broken.push({ seed, failure, lines });
    for (const sighting of met) sighted.add(sighting);
  }
  expect(broken).toEqual([]);
  const expected = [...Object.keys(sightings), 'a slow user held the API server back'];
  expect(expected.filter((sighting) => !sighted.has(sighting))).toEqual([]);
});
