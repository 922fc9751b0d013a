/** Whatever kas and agentk do through faults, their charts allow it: every distinct step of some seeds. */
import { expect, it } from 'vitest';
import { PossibleSteps } from '../../../src/inspect/conformance/possible-steps.ts';
import { drawPlan, simulate } from '../../../src/sim/world/index.ts';
import { charts } from '../../../statecharts/index.ts';

const seeds = Array.from({ length: 12 }, (_, index) => 301 + index);

it('every step is one of its chart', { timeout: 300_000 }, async () => {
  const steps = new Map(charts.map(({ machine }) => [machine.id, new PossibleSteps(machine)]));
  const seen = new Set<string>();
  for (const seed of seeds) {
    const { tally } = await simulate(drawPlan(seed));
    for (const edge of tally.edges.keys()) seen.add(edge);
  }
  const impossible = [...seen].filter((edge) => {
    const [machine = '', from = '', event = '', to = ''] = edge.split('\t');
    const chart = steps.get(machine);
    const possible = from === '' ? chart?.beginnings() : chart?.after(from, event);
    return possible?.has(chart?.canonical(to) ?? '') !== true;
  });
  expect(impossible).toEqual([]);
  expect(seen.size).toBeGreaterThan(100);
});
