// Pictures of the dashboard for the documentation, from a real kas with a fleet of agents that are told what to do:
// `npm run screenshots [folder]`. Needs Chromium.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { buildPages, openBrowser } from '../test/web/browser.ts';
import { SyncObjectResult, SyncPhase } from '../src/protocol/index.ts';
import { withPalette } from './palette-png.ts';
import { DashboardWorld, type WorldAgent } from '../test/web/dashboard-world.ts';

const folder = process.argv[2] ?? 'docs/images';
const projects: readonly (readonly [project: string, agents: number])[] = [
  ['platform/clusters', 96],
  ['payments/deploy', 64],
  ['retail/eu', 58],
  ['retail/us', 44],
  ['data/pipelines', 30],
  ['edge/stores', 72],
  ['ml/training', 16],
];
const regions = ['euw1', 'euc1', 'use1', 'usw2', 'apse2'] as const;
const size = { width: 1280, height: 860 } as const;

const agents: WorldAgent[] = projects.flatMap(([project, count], at) =>
  Array.from({ length: count }, (_, k) => ({
    id: at * 100 + k + 1,
    name: `${k % 7 === 3 ? 'stage' : 'prod'}-${regions[(k * 3 + at) % regions.length]}-${String(k).padStart(2, '0')}`,
    project,
  })),
);
const isEdge = ({ project }: WorldAgent) => project === 'edge/stores';
const versionOf = ({ id }: WorldAgent) => (id % 11 === 0 ? 'v18.4.1' : id % 4 === 0 ? 'v18.5.2' : 'v18.6.0');

const object = (kind: string, name: string) => ({ kind, namespace: 'shop', name });
/** What the flapping agent tells of its manifest project. */
const reported = {
  reporterId: 7n,
  sequence: 1n,
  projectIds: ['platform/shop'],
  changed: [
    {
      projectId: 'platform/shop',
      commitId: '6f1c0ffee9b2',
      phase: SyncPhase.FAILED,
      counts: { applied: 11, failed: 1 },
      reason: '1 object failed',
      failures: [
        {
          object: object('Deployment', 'checkout'),
          error: 'did not become ready in time',
          lastEvent: 'Failed: Back-off pulling image "shop/checkout:2.4"',
        },
      ],
      objects: [
        { object: object('Service', 'checkout'), result: SyncObjectResult.SUCCESSFUL, health: 'Current' },
        { object: object('ConfigMap', 'settings'), result: SyncObjectResult.SUCCESSFUL, health: 'Current' },
        { object: object('Deployment', 'checkout'), result: SyncObjectResult.TIMEOUT, health: 'InProgress' },
      ],
    },
  ],
};

buildPages();
mkdirSync(folder, { recursive: true });
const world = await DashboardWorld.start(agents);
const browser = await openBrowser();
try {
  for (const agent of agents) {
    const pod = { version: versionOf(agent), kubernetes: isEdge(agent) ? 'v1.29.4+k3s1' : 'v1.33.2' };
    await world.connect(agent, { ...pod, tunnel: agent.id % 97 !== 0 }, isEdge(agent) || agent.id === 7);
  }
  const page = await (await browser.newContext({ viewport: size, deviceScaleFactor: 1 })).newPage();
  await open(page, '#/agents');
  await happen();
  await page.getByText('Latest changes').waitFor();
  await shoot(page, 'fleet', '#/agents');
  await page.setViewportSize({ width: 1280, height: 1080 });
  await shoot(page, 'agent', '#/agents/7');
  for (const key of ['[', '[', '[']) await page.keyboard.press(key);
  await shot(page, 'agent-earlier', ['dark']);
  await page.setViewportSize(size);
  for (const name of ['pollers', 'supervisors'] as const) {
    await open(page, `#/${name}`);
    await shot(page, name);
  }
  await open(page, '#/machines/request');
  await shot(page, 'machines');
  await open(page, '#/replay');
  await replay(page);
  await shot(page, 'replay');
  await open(page, '#/requests');
  for (const agent of agents.filter(isEdge).slice(9, 12)) world.ask(agent);
  await page.getByRole('button', { name: 'failed' }).click();
  await page.locator('tbody tr').nth(3).waitFor();
  await shot(page, 'requests');
  const phone = await (
    await browser.newContext({ viewport: { width: 390, height: 780 }, deviceScaleFactor: 2 })
  ).newPage();
  await open(phone, '#/agents');
  await shot(phone, 'fleet-phone');
  await open(phone, '#/agents/7');
  await shot(phone, 'agent-phone', ['dark']);
} finally {
  await browser.close();
  await world.close();
}

/** What happened to the flapping agent, from the flight recorder. */
async function replay(page: Page): Promise<void> {
  const recorded = await (await fetch(`${world.origin}/api/recorder`)).text();
  await page.locator('input[type=file]').setInputFiles({
    name: 'kas-flight-recorder.ndjson',
    mimeType: 'application/x-ndjson',
    buffer: Buffer.from(recorded),
  });
  const last = /"actorId":"(session:\d+)"[^\n]*"to":"gone"[^\n]*\n[^]*$/.exec(recorded)?.[1] ?? 'session';
  await page.getByRole('searchbox').fill(last);
  await page.locator('.chart-box svg').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('[');
  await pause(500);
}

/** An outage of one network, a few revoked tokens, an agent that comes and goes, calls that wait. */
async function happen(): Promise<void> {
  const edge = agents.filter(isEdge);
  for (const agent of edge.filter((_, k) => k % 5 !== 0)) world.cut(agent);
  const revoked = agents.filter(({ id }) => [23, 131, 255].includes(id));
  await world.revoke(...revoked);
  const [flapping] = agents.filter(({ id }) => id === 7);
  if (flapping === undefined) return;
  for (let times = 0; times < 3; times++) {
    await pause(1_500);
    await world.disconnect(flapping);
    await pause(900);
    const agent = await world.connect(flapping, { version: 'v18.6.0', kubernetes: 'v1.33.2' }, true);
    await agent.report(reported);
  }
  for (const agent of revoked) world.callAgain(agent);
  for (const agent of edge.slice(1, 5)) world.ask(agent);
  await pause(1_500);
  world.cut(flapping);
  await pause(1_000);
}

async function open(page: Page, hash: string): Promise<void> {
  await page.goto(`${world.url}${hash}`);
  await settled(page);
}

async function settled(page: Page): Promise<void> {
  await page.locator('main').waitFor();
  await pause(1_500);
}

async function shoot(page: Page, name: string, hash: string): Promise<void> {
  await open(page, hash);
  await shot(page, name);
}

async function shot(
  page: Page,
  name: string,
  themes: readonly ('light' | 'dark')[] = ['light', 'dark'],
): Promise<void> {
  for (const theme of themes) {
    const now = await page.evaluate('document.documentElement.dataset.theme');
    if (now !== theme) await page.keyboard.press('t');
    await pause(300);
    writeFileSync(join(folder, `${name}-${theme}.png`), withPalette(await page.screenshot()));
    console.log(`${name}-${theme}.png`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
