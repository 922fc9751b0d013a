/** Our gRPC against grpc-js, either way round, on simulated connections (`src/sim/wire/calls`). */
import { expect, test } from 'vitest';
import { runWire, type WireOutcome } from '../../../src/sim/wire/index.ts';

const seeds = Array.from({ length: 30 }, (_, index) => index + 1);

test('thirty seeds of calls hold, and end in every way a call may end', { timeout: 600_000 }, async () => {
  const endings = new Set<string>();
  const roles = new Set<string>();
  const broken: Pick<WireOutcome, 'seed' | 'failure' | 'lines'>[] = [];
  for await (const outcome of runWire({ scenario: 'calls', seeds })) {
    const { seed, failure, lines, plan } = outcome;
    if (failure !== undefined) broken.push({ seed, failure, lines });
    for (const ending of Object.keys(outcome.endings)) endings.add(ending);
    if ('grpcJs' in plan) roles.add(plan.grpcJs);
  }
  expect(broken).toEqual([]);
  expect([...roles].sort()).toEqual(['client', 'server']);
  // OK, CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE
  expect([...endings]).toEqual(expect.arrayContaining(['code 0', 'code 1', 'code 4', 'code 14']));
});
