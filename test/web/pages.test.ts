/** The dashboard in a real browser: what its pages say of agents that come, fail and go. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { SyncObjectResult, SyncPhase } from '../../src/protocol/index.ts';
import { buildPages, openBrowser } from './browser.ts';
import { DashboardWorld, type WorldAgent } from './dashboard-world.ts';

const first: WorldAgent = { id: 1, name: 'first', project: 'group/one' };
const agents: readonly WorldAgent[] = [
  first,
  ...Array.from({ length: 4 }, (_, k) => ({ id: k + 10, name: `home-${k}`, project: 'group/one' })),
  ...Array.from({ length: 5 }, (_, k) => ({ id: k + 20, name: `edge-${k}`, project: 'group/edge' })),
];

// A browser is slow on a machine that is busy.
vi.setConfig({ testTimeout: 120_000 });

let browser: Browser;
let world: DashboardWorld;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  buildPages();
  browser = await openBrowser();
});
afterAll(() => browser.close());
afterEach(async () => {
  await page.context().close();
  await world.close();
  expect(complaints.splice(0)).toEqual([]);
});

async function open(
  hash = '#/agents',
  options: Parameters<typeof DashboardWorld.start>[1] = {},
): Promise<void> {
  world = await DashboardWorld.start(agents, options);
  page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage();
  page.setDefaultTimeout(100_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  // Whatever the policy of the page forbids is an error on its console.
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy/.test(message.text()))
      complaints.push(message.text());
  });
  await page.goto(`${world.url}${hash}`);
}

const chip = (condition: string, count: number) =>
  page.locator(`[data-condition=${condition}] b`, { hasText: new RegExp(`^${count}$`) }).waitFor();
const says = (text: string | RegExp) => page.getByText(text).first().waitFor();

it('the fleet page follows agents as they connect, lose their network, are revoked, and are found to have something in common', async () => {
  await open();
  await says('No agent has connected');
  for (const agent of agents) await world.connect(agent, {}, true);
  await chip('online', 10);
  await chip('disconnected', 0);
  for (const agent of agents.slice(5)) world.cut(agent);
  await chip('disconnected', 5);
  await chip('online', 5);
  await page.locator('.common', { hasText: 'group/edge has 5 of the 5 that are down' }).waitFor();
  await world.revoke(first);
  // The file is noticed a moment later; agents call all the time.
  const refused = page.locator('[data-condition=refused] b', { hasText: '1' });
  while ((await refused.count()) === 0) world.callAgain(first);
  await page.getByRole('button', { name: 'table' }).click();
  await page.locator('tr', { hasText: 'first' }).getByText('unauthenticated').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('edge-3');
  await page.locator('tbody tr').nth(1).waitFor({ state: 'detached' });
  expect(await page.locator('tbody tr').allInnerTexts()).toHaveLength(1);
});

it('the agent page says where its chart is, why it is not connected, what to do, and what was before', async () => {
  await open();
  const podName = '<img src=x onerror=alert(1)>';
  await world.connect(first, { podName }, true);
  await chip('online', 1);
  await page.keyboard.press('t');
  await page.locator('canvas').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.locator('h1', { hasText: 'first' }).waitFor();
  const state = (path: string) => page.locator(`[data-state="agentSession.${path}"].active`).waitFor();
  await state('registered.tunnels.available');
  await says(podName);
  expect(await page.locator('main img').count()).toBe(0);
  world.cut(first);
  await state('gone');
  await page.locator('h1 + [data-condition=disconnected]').waitFor();
  await page.locator('.why', { hasText: 'closed from the other side' }).waitFor();
  await page.locator('[data-rung=connection].bad', { hasText: 'closed by the peer' }).waitFor();
  await page.locator('[data-rung=tunnels].unknown').waitFor();
  // Back in time, step by step, until it was registered.
  const registered = page.locator('[data-state="agentSession.registered"].active');
  while ((await registered.count()) === 0) await page.keyboard.press('[');
  await says(/^as of /);
  expect(await page.locator('.ladder').count()).toBe(0);
  await page.keyboard.press(' ');
  await state('gone');
  await world.connect(first, {}, false);
  await page.locator('h1 + [data-condition=online]').waitFor();
  await state('registered.tunnels.available');
});

it('requests, supervisors and machines are told as they are', async () => {
  await open('#/requests');
  await world.connect(first, { tunnel: false });
  world.ask(first);
  await page.locator('tr', { hasText: 'first' }).getByText('waiting').waitFor();
  await page.getByRole('link', { name: 'Supervisors' }).click();
  await page.locator('[data-actor="listener:agent-api"]', { hasText: 'listening' }).waitFor();
  await page.locator('[data-actor=sessions]', { hasText: '1 of 20,000' }).waitFor();
  await page.locator('[data-actor=sessions] + details summary').click();
  await page.locator('[data-actor="session:1"]', { hasText: 'tunnels.none' }).waitFor();
  await page.getByRole('link', { name: 'Machines' }).click();
  await page.getByRole('searchbox').fill('rearming');
  await page.locator('.list a', { hasText: /^tunnel\d+$/ }).click();
  await page.locator('[data-state="tunnel.rearming"]').waitFor();
});

it('what became of each object of a manifest project is told when it is asked for, those in trouble first', async () => {
  await open('#/agents/1');
  const agent = await world.connect(first);
  const object = (kind: string, name: string) => ({ kind, namespace: 'shop', name });
  const changed = {
    projectId: 'group/shop',
    commitId: 'c0ffee',
    phase: SyncPhase.FAILED,
    counts: { applied: 1, failed: 1 },
    failures: [{ object: object('Pod', 'web'), error: '<b>denied</b>', lastEvent: 'FailedCreate: quota' }],
    objects: [
      { object: object('Service', 'web'), result: SyncObjectResult.SUCCESSFUL, health: 'Current' },
      { object: object('Pod', 'web'), result: SyncObjectResult.FAILED, health: 'Unknown' },
    ],
  };
  const told = await agent.report({
    reporterId: 1n,
    sequence: 1n,
    projectIds: ['group/shop'],
    changed: [changed],
  });
  expect(told.code).toBe(0);
  const project = page.locator('[data-project="group/shop"]');
  await project.locator('summary').click();
  await project.getByText('<b>denied</b>').waitFor();
  await project.getByText('FailedCreate: quota').waitFor();
  expect(await project.locator('.object').allInnerTexts()).toEqual([
    expect.stringMatching(/^Pod shop\/web\s+Unknown$/),
    expect.stringMatching(/^Service shop\/web\s+Current$/),
  ]);
});

it('the flight recorder is replayed step by step, its charts lit', async () => {
  await open('#/replay');
  await world.connect(first);
  const recorded = await (await fetch(`${world.origin}/api/recorder`)).text();
  const lines = recorded.split('\n').filter((line) => line.includes('"actorId"')).length;
  const file = page.locator('input[type=file]');
  const upload = (name: string, text: string) =>
    file.setInputFiles({ name, mimeType: 'application/x-ndjson', buffer: Buffer.from(text) });
  await upload('nonsense.txt', 'nothing of ours');
  await says(/nonsense.txt: this is neither/);
  await upload('kas.ndjson', recorded);
  await says(`${lines} of ${lines}`);
  await page.getByRole('searchbox').fill('session:1');
  await page.locator('h2', { hasText: 'session:1' }).waitFor();
  const registered = page.locator('[data-state="agentSession.registered"].active');
  await registered.waitFor();
  await page.keyboard.press('Escape');
  while ((await registered.count()) > 0) await page.keyboard.press('[');
  await page.locator('[data-state="agentSession.authenticating"].active').waitFor();
});

it('an agent whose connection has reached its age drains, and has left when it does not come again', async () => {
  await open('#/agents', { connectionAge: '4s' });
  await world.connect(first);
  await chip('left', 1);
  await page.goto(`${world.url}#/agents/1`);
  await page.locator('.why', { hasText: 'connections have a maximum age' }).waitFor();
  await page.locator('.segment', { hasText: 'draining' }).first().waitFor({ state: 'attached' });
});

it('when kas stops the page says that what is seen is the last known', async () => {
  await open();
  await world.connect(first);
  await chip('online', 1);
  world.stopKas();
  await page.locator('.link', { hasText: 'last known state' }).waitFor();
  await says(/kas does not answer/);
});

it('a tab nobody sees follows nothing, and is up to date when it is seen again', async () => {
  await open();
  await world.connect(first);
  await chip('online', 1);
  const watchers = async () => {
    const metrics = await (await fetch(`${world.origin}/metrics`)).text();
    return Number(/^kas_dashboard_watchers (\d+)$/m.exec(metrics)?.[1]);
  };
  const hide = (isHidden: boolean) =>
    page.evaluate(`(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} });
      document.dispatchEvent(new Event('visibilitychange'));
    })()`);
  expect(await watchers()).toBe(1);
  await hide(true);
  while ((await watchers()) > 0) await page.waitForTimeout(20);
  await world.disconnect(first);
  await hide(false);
  await chip('disconnected', 1);
  expect(await watchers()).toBe(1);
});

it('with a token file the page asks for the token once, and shows nothing before', async () => {
  const token = 'the-token-of-this-dashboard';
  await open('#/agents', { tokenFile: `${token}\n` });
  await world.connect(first);
  const field = page.getByLabel('Token of this dashboard');
  await field.fill('a-wrong-one');
  await page.getByRole('button', { name: 'Open' }).click();
  await field.fill(token);
  await page.getByRole('button', { name: 'Open' }).click();
  await chip('online', 1);
});
