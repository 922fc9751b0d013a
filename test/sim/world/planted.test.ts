/** Wrongs planted into the product for one run: the invariants can be broken, and which one is. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { TunnelDirectory } from '../../../src/actors/index.ts';
import { KasSockets, LinkBoard } from '../../../src/agentk/link/index.ts';
import { drawPlan, readStory, simulate, type Plan } from '../../../src/sim/world/index.ts';
import { agentLinkDelays } from '../../../statecharts/index.ts';
import { mendAll, plant } from './plant.ts';

const seedsMax = 40;

afterEach(mendAll);

/** Invariants that broke in the first seed that failed. */
async function firstBroken(plans: Iterable<Plan>): Promise<string | undefined> {
  for (const plan of plans) {
    const { failure } = await simulate(plan);
    if (failure !== undefined) return failure.id;
  }
  return undefined;
}

function* seeds(): Generator<Plan> {
  for (let seed = 1; seed <= seedsMax; seed++) yield drawPlan(seed);
}

describe('a planted wrong is found', { timeout: 300_000 }, () => {
  it('a waiter that is never woken', async () => {
    plant(TunnelDirectory.prototype, 'wait', () => () => true);
    expect(await firstBroken(seeds())).toBe('no-giving-up');
  });

  it('a lost tunnel that stays on offer', async () => {
    plant(TunnelDirectory.prototype, 'withdraw', () => () => {});
    expect(await firstBroken(seeds())).toMatch(
      /^(counts-are-true|every-request-ends|connected-after-healing|no-unexpected-error)$/,
    );
  });

  it('an old connection that nobody asks whether it lives', async () => {
    plant(KasSockets.prototype, 'pingRetired', () => () => {});
    const file = new URL('../plans/half-open-after-goaway.json', import.meta.url);
    const { plan } = readStory(readFileSync(file, 'utf8'));
    expect(await firstBroken([plan])).toBe('connected-after-healing');
  });

  it('agents that dial again without waiting', async () => {
    const delays = agentLinkDelays as { -readonly [K in keyof typeof agentLinkDelays]: number };
    plant(delays, 'backoffInitMs', () => 1);
    plant(delays, 'backoffMsMax', () => 1);
    const plans = Array.from({ length: seedsMax }, (_, seed) =>
      drawPlan(seed + 1, { agents: 1, kas: 1, faults: ['kas-crash'], healMs: 60_000 }),
    );
    expect(await firstBroken(plans)).toMatch(/^(waits-grow|dials-are-bounded)$/);
  });

  it('parts of agentk that are not told of a new connection', async () => {
    plant(LinkBoard.prototype, 'subscribe', () => () => () => {});
    expect(await firstBroken(seeds())).toBe('connected-after-healing');
  });
});
