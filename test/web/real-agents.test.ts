/**
 * Each page tells the truth within a second of what befell a real agent. Counted from kas's own stamp of the change, by the
 * clock all share; on a machine that is too busy to run the page or kas for a while, that while is added.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import {
  agentConditions,
  type AgentCondition,
  type Directory,
  type RowState,
} from '../../src/kas/dashboard/wire.ts';
import { EventReader } from '../kas/dashboard/event-reader.ts';
import { until } from '../system/world.ts';
import { buildPages, openBrowser } from './browser.ts';
import type { WorldAgent } from './dashboard-world.ts';
import { ProcessWorld } from './process-world.ts';
import { lostMs, tickMs, Witness, type Gap, type Probes } from './witness.ts';

vi.setConfig({ testTimeout: 240_000 });

const agents = {
  leaves: { id: 1, name: 'leaves', project: 'group/one' },
  isRevoked: { id: 2, name: 'is-revoked', project: 'group/one' },
  crashes: { id: 3, name: 'crashes', project: 'group/two' },
  stays: { id: 4, name: 'stays', project: 'group/two' },
} as const satisfies Readonly<Record<string, WorldAgent>>;
const truthMsMax = 1_000;

let browser: Browser;
let world: ProcessWorld;
let feed: EventReader;
const pages = new Map<string, Witness>();
/** Of the agents' rows, by agent. */
const indexes = new Map<number, number>();
/** How long this process was kept from running, as a measure of how busy the machine is. */
const own: Gap[] = [];

beforeAll(async () => {
  buildPages();
  let before = performance.now();
  setInterval(() => {
    const now = performance.now();
    own.push({ at: Date.now(), ms: now - before });
    before = now;
  }, tickMs).unref();
  [browser, world] = await Promise.all([openBrowser(), ProcessWorld.start(Object.values(agents))]);
  feed = new EventReader(`${world.origin}/api/stream`);
  await feed.events.next();
  const { agentRow, count } = probes;
  const rows = Object.values(agents).map(({ id }) => [`agent ${id}`, agentRow(id)] as const);
  const table: Probes = { ...Object.fromEntries(rows), link: probes.agent.link };
  await watch('fleet', '#/agents', table, (page) => page.getByRole('button', { name: 'table' }).click());
  await watch('supervisors', '#/supervisors', {
    sessions: count('sessions'),
    'agents listener': count('listener:agent-api'),
    'requests listener': count('listener:kubernetes-api'),
  });
  await watch('pollers', '#/pollers', { watched: 'document.querySelectorAll("[data-poller]").length' });
  await watch('requests', '#/requests', { living: 'document.querySelector(".tile b")?.textContent' });
}, 240_000);

afterAll(async () => {
  feed.close();
  await browser.close();
  await world.close();
});

const probes = {
  agentRow: (id: number) => `document.querySelector('[data-agent="${id}"] .pill')?.textContent`,
  count: (id: string) => `document.querySelector('[data-actor="${id}"]')?.textContent`,
  agent: {
    condition: 'document.querySelector("h1 + [data-condition]")?.dataset.condition',
    lit: '[...document.querySelectorAll("[data-state].active")].map(({ dataset }) => dataset.state).join(" ")',
    link: 'document.querySelector(".link")?.textContent',
  },
} as const;

/** A page in a browser profile of its own: one profile opens only six connections to kas. */
async function watch(
  name: string,
  hash: string,
  what: Probes,
  prepare: (page: Page) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(`${world.origin}/dashboard/${hash}`);
  await page.locator('main section').first().waitFor();
  if (name === 'fleet')
    await until('the table', 60_000, () => (feed.events.all.length > 0 ? true : undefined));
  await prepare(page);
  pages.set(name, await Witness.on(page, what));
}

const watchAgent = ({ id }: WorldAgent) => watch(`agent ${id}`, `#/agents/${id}`, probes.agent);

/** When kas says that the agent became so: the stamp in the live feed. */
async function became({ id }: WorldAgent, condition: AgentCondition, after = 0): Promise<number> {
  const code = agentConditions.indexOf(condition);
  return until(`kas to say that agent ${id} is ${condition}`, 90_000, async () => {
    const index = indexes.get(id) ?? (await indexOf(id));
    const moves = feed.events.all.flatMap(
      ({ data }) => (data['changes'] ?? data['states']) as readonly RowState[],
    );
    return moves.find(([row, now, since]) => row === index && now === code && since >= after)?.[2];
  });
}

async function indexOf(id: number): Promise<number | undefined> {
  const { agents: rows } = (await (await fetch(`${world.origin}/api/agents`)).json()) as Directory;
  const index = rows.find(({ key }) => key === String(id))?.index;
  if (index !== undefined) indexes.set(id, index);
  return index;
}

/** Asserts that a page said so within a second of the moment. */
async function tells(
  name: string,
  probe: string,
  pattern: RegExp,
  moment: number,
  from = moment,
): Promise<void> {
  const page = pages.get(name);
  if (page === undefined) throw new Error(`no page ${name}`);
  const at = await page.saw(probe, pattern, from);
  const tardyMs = at - moment;
  const lost = (await page.lostMs(moment, at)) + lostMs(own, moment, at);
  expect
    .soft(tardyMs, `${name}: ${probe} ${pattern}, ${Math.round(lost)} ms lost`)
    .toBeLessThan(truthMsMax + lost);
}

it('agents connect, and every page has them', async () => {
  for (const agent of Object.values(agents))
    await world.startAgentk(agent, agent === agents.stays ? 'shells' : 'objects');
  for (const agent of Object.values(agents)) {
    const moment = await became(agent, 'online');
    await tells('fleet', `agent ${agent.id}`, /^Online$/, moment);
  }
  for (const agent of Object.values(agents)) await watchAgent(agent);
  for (const { id } of Object.values(agents)) {
    await pages.get(`agent ${id}`)?.saw('lit', /registered\.tunnels\.available/);
  }
  await pages.get('supervisors')?.saw('sessions', /4 of/);
  await pages.get('pollers')?.saw('watched', /^4$/);
});

it('an agent that is stopped in good order is disconnected, and its configuration is watched no more', async () => {
  const before = Date.now();
  world.agentk(agents.leaves).kill('SIGTERM');
  const moment = await became(agents.leaves, 'disconnected', before);
  await tells('fleet', 'agent 1', /^Disconnected$/, moment);
  await tells('agent 1', 'condition', /^disconnected$/, moment);
  await tells('agent 1', 'lit', /agentSession\.gone/, moment);
  await tells('supervisors', 'sessions', /3 of/, moment, before);
  // Its streams end before its connection does.
  await tells('pollers', 'watched', /^3$/, moment, before);
});

it('an agent whose token is revoked is refused', async () => {
  const before = Date.now();
  await world.revoke(agents.isRevoked);
  const moment = await became(agents.isRevoked, 'refused', before);
  await tells('fleet', 'agent 2', /^Refused$/, moment);
  await tells('agent 2', 'condition', /^refused$/, moment);
  await tells('agent 2', 'lit', /agentSession\.gone/, moment);
  await tells('pollers', 'watched', /^2$/, moment, before);
});

it('an agent that is killed is disconnected at once, and what was asked of it is over', async () => {
  await world.watchCluster(agents.crashes);
  await pages.get('requests')?.saw('living', /^1$/);
  const killed = Date.now();
  world.agentk(agents.crashes).kill('SIGKILL');
  await world.agentk(agents.crashes).exited;
  const moment = await became(agents.crashes, 'disconnected', killed);
  await tells('fleet', 'agent 3', /^Disconnected$/, moment);
  await tells('agent 3', 'condition', /^disconnected$/, moment);
  await tells('agent 3', 'lit', /agentSession\.gone/, moment);
  await tells('requests', 'living', /^0$/, moment, killed);
  await tells('pollers', 'watched', /^1$/, moment, killed);
});

it('while kas drains it is seen to, an agent whose request still runs is online, and when kas is gone every page says that it knows no more', async () => {
  const closeShell = await world.openShell(agents.stays);
  const before = Date.now();
  world.kas.kill('SIGTERM');
  const moment = await drainAnnounced('kubernetes-api');
  await tells('supervisors', 'requests listener', /stopping/, moment);
  expect(await pages.get('supervisors')?.says('agents listener')).toMatch(/listening/);
  expect(await pages.get('fleet')?.says('agent 4')).toBe('Online');
  closeShell();
  await world.kas.exited;
  const gone = Date.now();
  await tells('agent 4', 'link', /last known state/, gone, before);
  await tells('fleet', 'link', /last known state/, gone, before);
});

/** When a listener of kas began to drain, by its log. */
function drainAnnounced(listener: string): Promise<number> {
  return until(`kas to drain ${listener}`, 90_000, () => {
    const line = world.kas.lines.find(
      (one) => one.includes('Endpoint is draining') && one.includes(`"${listener}"`),
    );
    return line === undefined ? undefined : Date.parse((JSON.parse(line) as { time: string }).time);
  });
}
