/**
 * What is on the screen is what the daemon's charts say, for every agent: at each sequence number on the way, and when all
 * is quiet again after a thousand transitions.
 */
import type { Browser, Page } from 'playwright-core';
import type { StateValue } from 'xstate';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { RowState } from '../../src/kas/dashboard/wire.ts';
import { stateName } from '../../src/supervisor/index.ts';
import { activeStates } from '../../src/inspect/charts/state-name.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { EventReader } from '../kas/dashboard/event-reader.ts';
import type { FakeAgent, FakeTunnel } from '../kas/fake-agent.ts';
import { until } from '../system/world.ts';
import { buildPages, openBrowser } from './browser.ts';
import { DashboardWorld, type WorldAgent } from './dashboard-world.ts';

vi.setConfig({ testTimeout: 240_000 });

const transitionsMin = 1_000;
const agents: readonly WorldAgent[] = Array.from({ length: 12 }, (_, k) => ({
  id: k + 1,
  name: `agent-${String(k + 1).padStart(2, '0')}`,
  project: `group/${k % 3}`,
}));
/** By code, as pages say them. */
const labels = ['Online', 'Degraded', 'Connecting', 'Disconnected', 'Refused', 'Draining', 'Left'] as const;

let browser: Browser;
let world: DashboardWorld;
let page: Page;
let feed: EventReader;

beforeAll(async () => {
  buildPages();
  browser = await openBrowser();
  world = await DashboardWorld.start(agents);
  page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage();
  page.setDefaultTimeout(60_000);
  feed = new EventReader(`${world.origin}/api/stream`);
  await feed.events.next();
}, 120_000);

afterAll(async () => {
  feed.close();
  await browser.close();
  await world.close();
});

/** What the page showed, by the sequence number it said it was of. */
interface Shown {
  readonly sequence: number;
  readonly states: Readonly<Record<string, string>>;
}

/** Notes the table at each sequence number. */
async function noteTable(): Promise<void> {
  await page.evaluate(`(() => {
    globalThis.shown = [];
    const note = () => {
      const states = {};
      for (const row of document.querySelectorAll('[data-agent]')) {
        states[row.dataset.agent] = row.querySelector('.pill').textContent;
      }
      globalThis.shown.push({ sequence: Number(document.querySelector('main').dataset.sequence), states });
    };
    note();
    new MutationObserver(note).observe(document.querySelector('main'),
      { attributes: true, attributeFilter: ['data-sequence'] });
  })()`);
}

/** States at each sequence number, from frames read by another reader; keyed by the agents' keys. */
async function statesTold(): Promise<ReadonlyMap<number, Readonly<Record<string, string>>>> {
  const answer = await fetch(`${world.origin}/api/agents`);
  const directory = (await answer.json()) as { agents: { index: number; key: string }[] };
  const keys = new Map(directory.agents.map(({ index, key }) => [index, key]));
  const states: Record<string, string> = {};
  const told = new Map<number, Readonly<Record<string, string>>>();
  for (const { data } of feed.events.all) {
    const moved = (data['states'] ?? data['changes']) as readonly RowState[];
    for (const [index, code] of moved) {
      const key = keys.get(index);
      if (key !== undefined) states[key] = labels[code] ?? '';
    }
    told.set(Number(data['sequence']), { ...states });
  }
  return told;
}

/** What the charts of the living sessions say now, by agent. */
async function charts(): Promise<ReadonlyMap<string, string>> {
  const state = (await (await fetch(`${world.origin}/state`)).json()) as {
    readonly agents: readonly { readonly agentId?: string; readonly state: StateValue }[];
  };
  return new Map(state.agents.map(({ agentId = '', state: value }) => [agentId, stateName(value)]));
}

async function transitionsOfSessions(): Promise<number> {
  const text = await (await fetch(`${world.origin}/api/recorder`)).text();
  return text.split('\n').filter((line) => line.includes('"agentSession"')).length;
}

/** Agents come, call, get tunnels and lose them, go in good order or not, as chance has it. */
async function happen(random: SeededRandom): Promise<void> {
  const living = new Map<WorldAgent, { readonly fake: FakeAgent; readonly tunnels: FakeTunnel[] }>();
  while ((await transitionsOfSessions()) < transitionsMin) {
    for (let steps = 0; steps < 20; steps++) {
      const agent = random.pick(agents);
      const life = living.get(agent);
      if (life === undefined) {
        living.set(agent, { fake: await world.connect(agent, { tunnel: false }, true), tunnels: [] });
        continue;
      }
      const chance = random.next();
      if (chance < 0.4) life.tunnels.push(life.fake.connect().describe());
      else if (chance < 0.7) life.tunnels.pop()?.cancel();
      else if (chance < 0.9) world.callAgain(agent);
      else {
        living.delete(agent);
        if (chance < 0.95) await world.disconnect(agent);
        else world.cut(agent);
      }
    }
  }
}

/** Waits until the charts have come to rest and the page is at least as far as the feed then was. */
async function quiet(): Promise<void> {
  let before = '';
  await until('the charts to rest', 60_000, async () => {
    const now = JSON.stringify([...(await charts())]);
    const isSame = now === before;
    before = now;
    return isSame && !/authenticating|rechecking/.test(now) ? true : undefined;
  });
  const last = Number(feed.events.all.at(-1)?.data['sequence']);
  // Twice a beat later nothing of before is on its way any more.
  await until('the page to be as far', 60_000, async () =>
    Number(await page.locator('main').getAttribute('data-sequence')) > last + 2 ? true : undefined,
  );
}

it('after a thousand transitions, and on the way there, every agent on the screen is as its chart is', async () => {
  await page.goto(`${world.url}#/agents`);
  await page.getByRole('button', { name: 'table' }).click();
  for (const agent of agents) await (await world.connect(agent, {}, true)).configuration().inbox.next();
  await page.locator('[data-agent="12"]').waitFor();
  await noteTable();
  for (const agent of agents) await world.disconnect(agent);
  await happen(new SeededRandom(2_026));
  await quiet();

  const shown = await page.evaluate<readonly Shown[]>('globalThis.shown');
  const told = await statesTold();
  const compared = shown.filter(({ sequence }) => told.has(sequence));
  expect(compared.length).toBeGreaterThan(20);
  for (const { sequence, states } of compared)
    expect({ sequence, states }).toEqual({ sequence, states: told.get(sequence) });

  const now = await charts();
  const table = shown.at(-1)?.states ?? {};
  expect(Object.keys(table)).toHaveLength(agents.length);
  for (const { id } of agents) {
    const key = String(id);
    const state = now.get(key);
    const wanted =
      state === undefined ? 'Disconnected' : state.includes('tunnels.available') ? 'Online' : 'Degraded';
    expect.soft(table[key], `agent ${key}, ${state}`).toBe(wanted);
    await page.goto(`${world.url}#/agents/${key}`);
    await page.locator('h1', { hasText: agents[id - 1]?.name ?? '' }).waitFor();
    const [, ...below] = activeStates('agentSession', state ?? 'gone'); // the whole is not drawn
    const lit = new Set(below);
    const onScreen = await until(`the chart of agent ${key}`, 30_000, async () => {
      const states = await page.evaluate<string[]>(
        '[...document.querySelectorAll("[data-state].active")].map(({ dataset }) => dataset.state)',
      );
      return states.length > 0 ? states : undefined;
    });
    expect.soft(new Set(onScreen), `lit states of agent ${key}`).toEqual(lit);
  }
});
