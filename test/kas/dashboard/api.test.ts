/** What the dashboard's API tells of a real kas and the agents on it. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type {
  AgentDetail,
  Directory,
  PollersView,
  RequestsView,
  RowState,
  SupervisorNode,
} from '../../../src/kas/dashboard/wire.ts';
import { FakeAgent } from '../fake-agent.ts';
import { KasUnderTest, tokens } from '../kas-under-test.ts';
import { turn, until } from '../waiting.ts';
import { EventReader } from './event-reader.ts';

let kas: KasUnderTest | undefined;
const readers: EventReader[] = [];

afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await kas?.[Symbol.asyncDispose]();
  kas = undefined;
});

async function start(options: Parameters<typeof KasUnderTest.start>[0] = {}): Promise<KasUnderTest> {
  kas = await KasUnderTest.start(options);
  return kas;
}

async function read<T>(one: KasUnderTest, path: string): Promise<T> {
  const { status, text } = await one.observe(path);
  expect(status).toBe(200);
  return JSON.parse(text) as T;
}

const directory = (one: KasUnderTest) => read<Directory>(one, '/api/agents');
const row = async (one: KasUnderTest, key = '1') =>
  (await directory(one)).agents.find((agent) => agent.key === key);
const becomes = (one: KasUnderTest, condition: string, key = '1') =>
  until(async () => (await row(one, key))?.condition === condition);

function open(one: KasUnderTest, path: string, headers: Readonly<Record<string, string>> = {}): EventReader {
  const reader = new EventReader(`http://127.0.0.1:${one.ports.observability}${path}`, headers);
  readers.push(reader);
  return reader;
}

/** Lets time pass until a frame that is as wanted has come. */
async function frame(
  one: KasUnderTest,
  reader: EventReader,
  wanted: (data: Record<string, unknown>) => boolean,
) {
  const found = () => reader.events.all.find(({ data }) => wanted(data));
  while (found() === undefined) {
    await one.clock.advanceAsync(100);
    await turn();
  }
  return found();
}

const changesTo =
  (code: number) =>
  ({ changes = [] }: Record<string, unknown>) =>
    (changes as RowState[]).some(([, to]) => to === code);

it('an agent is online with a tunnel, degraded without, disconnected when its connection is gone, and stays listed for an hour', async () => {
  const one = await start();
  expect((await directory(one)).agents).toEqual([]);
  const agent = new FakeAgent(one.ports.agents, tokens.agent);
  agent.configuration();
  await becomes(one, 'degraded');
  expect(await row(one)).toMatchObject({ reason: 'no tunnel is open', name: 'demo', project: 'demo/agents' });
  await one.idleTunnel(agent);
  await one.clock.advanceAsync(1_000);
  await becomes(one, 'online');
  await agent.register(1n, 'pod-of-demo');
  expect(await row(one)).toMatchObject({ reason: '', pod: 'pod-of-demo', version: 'v1', sessions: 1 });
  agent.close();
  await becomes(one, 'disconnected');
  expect(await row(one)).toMatchObject({ reason: 'closed by the peer or the network', disconnects: 1 });
  const { advice, sessions } = await read<AgentDetail>(one, '/api/agents/1');
  expect(advice).toContain('closed from the other side');
  expect(sessions[0]?.session.map(({ to }) => to).at(-1)).toBe('gone');
  expect(sessions[0]?.connection.map(({ to }) => to).at(-1)).toBe('gone');
  await one.live(3_610_000);
  expect((await directory(one)).agents).toEqual([]);
});

it('a revoked token is refused, a bad one is one unknown row per address, and no token is told', async () => {
  const one = await start();
  const agent = new FakeAgent(one.ports.agents, tokens.agent);
  agent.configuration();
  await becomes(one, 'degraded');
  await one.writeDirectory([]);
  await one.live(700_000);
  agent.configuration();
  await becomes(one, 'refused');
  const strangers = [1, 2, 3].map(() => new FakeAgent(one.ports.agents, 'a-token-nobody-knows'));
  for (const stranger of strangers) await stranger.configuration().status;
  await becomes(one, 'refused', 'unknown-2');
  const { text } = await one.observe('/api/agents');
  expect((JSON.parse(text) as Directory).agents.map(({ key }) => key)).toEqual(['1', 'unknown-2']);
  expect(text).not.toContain('token-nobody');
  for (const stranger of strangers) stranger.close();
  agent.close();
});

it('the stream begins with a snapshot, tells changes, beats each second, and is resumed where it was left', async () => {
  const one = await start();
  const first = open(one, '/api/stream');
  expect((await first.events.next()).event).toBe('snapshot');
  const agent = new FakeAgent(one.ports.agents, tokens.agent);
  agent.configuration();
  const change = await frame(one, first, changesTo(1));
  const before = first.events.all.length;
  await frame(one, first, ({ sequence }) => Number(sequence) > Number(change?.data['sequence']));
  expect(first.events.all.slice(before).every(({ data }) => (data['changes'] as []).length === 0)).toBe(true);
  first.close();
  agent.close();
  await becomes(one, 'disconnected');
  const second = open(one, '/api/stream', { 'last-event-id': change?.id ?? '' });
  const lost = await frame(one, second, changesTo(3));
  expect(lost?.event).toBe('delta');
  expect(second.events.all[0]?.event).toBe('delta');
  const third = open(one, '/api/stream', { 'last-event-id': '1-1' });
  expect((await third.events.next()).event).toBe('snapshot');
});

it('an agent is followed step by step', async () => {
  const one = await start();
  const agent = new FakeAgent(one.ports.agents, tokens.agent);
  agent.configuration();
  await becomes(one, 'degraded');
  const reader = open(one, '/api/agents/1/stream');
  expect(await reader.events.next()).toMatchObject({ event: 'full', data: { agent: { name: 'demo' } } });
  agent.close();
  const last = await frame(one, reader, ({ steps = [] }) =>
    (steps as { chart: string; step: { to: string } }[]).some(
      ({ chart, step }) => chart === 'session' && step.to === 'gone',
    ),
  );
  expect(last?.data['agent']).toMatchObject({ condition: 'disconnected' });
});

it('requests that fail are kept with their reason; those under way are listed without their headers', async () => {
  const one = await start();
  const answer = one.call('/api/v1/pods?secret=x');
  await one.reaches({ waiting: 1 });
  const under = await one.observe('/api/requests');
  expect((JSON.parse(under.text) as RequestsView).living[0]).toMatchObject({
    agentId: '1',
    kind: 'ci',
    state: 'waiting',
  });
  expect(under.text).not.toContain('secret');
  await one.clock.advanceAsync(21_000);
  expect((await answer).statusCode).toBe(502);
  const { failed, counts } = await read<RequestsView>(one, '/api/requests');
  expect(failed[0]).toMatchObject({ state: 'timedOut', routedMs: null });
  expect(counts['timedOut']).toBe(1);
});

it('pollers are told with the commit they know, and a view is told again when it changes', async () => {
  const one = await start();
  const reader = open(one, '/api/pollers/stream');
  expect((await reader.events.next()).data).toMatchObject({ counts: { configuration: 0 } });
  const agent = new FakeAgent(one.ports.agents, tokens.agent);
  const answers = agent.configuration();
  const { commitId } = await answers.inbox.next();
  const told = await frame(one, reader, ({ pollers = [] }) =>
    (pollers as PollersView['pollers']).some(
      ({ state, commit }) => state === 'waiting' && commit === commitId,
    ),
  );
  expect(told).toMatchObject({
    event: 'view',
    data: { pollers: [{ kind: 'configuration', agentId: '1', listeners: 1, reason: '', attempt: 0 }] },
  });
  const view = await read<PollersView>(one, '/api/pollers');
  expect(view.pollers.map(({ commit }) => commit)).toEqual([commitId]);
  const seen = reader.events.all.length;
  await frame(one, reader, () => reader.events.all.length > seen);
  expect(reader.events.all.slice(seen).map(({ event }) => event)).toEqual(['beat']);
  agent.close();
});

it('the tree of supervisors has its restarts, budgets and populations', async () => {
  const one = await start();
  const { root } = await read<{ root: SupervisorNode }>(one, '/api/supervisors');
  expect(root).toMatchObject({ id: 'kas', strategy: 'one_for_one', intensity: 5, restartsInWindow: 0 });
  expect(root.children.find(({ id }) => id === 'sessions')).toMatchObject({
    population: 0,
    populationMax: 20_000,
  });
  expect(root.children.find(({ id }) => id === 'listener:agent-api')?.state).toBe('listening');
});

it('lists every chart, and gives the flight recorder away as a file', async () => {
  const one = await start();
  const { machines } = await read<{ machines: { name: string }[] }>(one, '/api/machines');
  expect(machines.map(({ name }) => name)).toContain('agent-session');
  const { text } = await one.observe('/api/recorder');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.some(({ machine, to }) => machine === 'listener' && to === 'listening')).toBe(true);
});

it('without a flight recorder nothing is recorded, and agents are told of all the same', async () => {
  const one = await start({ observability: 'flight_recorder: { enabled: false }' });
  const agent = new FakeAgent(one.ports.agents, tokens.agent);
  agent.configuration();
  await becomes(one, 'degraded');
  const { transitions } = await read<{ transitions: unknown[] }>(one, '/state');
  expect(transitions).toEqual([]);
  const { sessions } = await read<AgentDetail>(one, '/api/agents/1');
  expect(sessions[0]?.session.length).toBeGreaterThan(0);
  agent.close();
});

it('an unchanged directory is not sent again', async () => {
  const one = await start();
  const url = `http://127.0.0.1:${one.ports.observability}/api/agents`;
  const first = await fetch(url);
  const tag = first.headers.get('etag') ?? '';
  expect((await fetch(url, { headers: { 'if-none-match': tag } })).status).toBe(304);
});

it('answers only this machine by its own name, not pages of others, not proxies', async () => {
  const one = await start();
  const url = `http://127.0.0.1:${one.ports.observability}/api/agents`;
  const status = async (headers: Readonly<Record<string, string>>) => (await fetch(url, { headers })).status;
  expect(await status({})).toBe(200);
  expect(await status({ origin: 'https://evil.example.com' })).toBe(403);
  expect(await status({ 'x-forwarded-for': '203.0.113.9' })).toBe(403);
  // fetch does not let the host be chosen.
  const socket = createConnection(one.ports.observability, '127.0.0.1');
  socket.end('GET /api/agents HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\n\r\n');
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString()).toMatch(/^HTTP\/1\.1 403/);
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
});

it('kas stops at once although somebody watches', async () => {
  const one = await start();
  const reader = open(one, '/api/stream');
  await reader.events.next();
  one.requestStop();
  expect(await one.end()).toEqual({ kind: 'stopped' });
  while ((await reader.events.nextOrEnd()) !== undefined); // its end
});
