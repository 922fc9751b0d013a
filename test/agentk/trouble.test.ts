import { status } from '@grpc/grpc-js';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agentLinkDelays, tunnelClientDelays } from '../../statecharts/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { AgentUnderTest, FakeApiServer, until } from './agent-under-test.ts';
import { BadNetwork } from './bad-network.ts';
import { FakeKas } from './fake-kas.ts';

let kas: FakeKas;
let api: FakeApiServer;
let network: BadNetwork;
let clock: VirtualClock;
let agent: AgentUnderTest | undefined;

beforeEach(async () => {
  kas = await FakeKas.start();
  api = await FakeApiServer.start();
  network = await BadNetwork.to(kas.port);
  clock = new VirtualClock();
});

afterEach(async () => {
  void agent?.agentk.stop();
  await agent?.agentk.stop();
  agent = undefined;
  network.close();
  kas.stop();
  api.stop();
});

/** Real sockets, virtual time: nothing is waited for that the test does not wait for itself. */
async function start(): Promise<AgentUnderTest> {
  agent = await AgentUnderTest.start(network.port, api.port, { clock });
  clock.advance(0);
  return agent;
}

/** Lets time pass in which kas answers its pings. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    clock.advance(Math.min(left, 10_000));
    await until(() => !agentState().includes('pinging'), 'the answer to a ping');
  }
}

/** Moves time to the next dial; answers how long it took. */
function nextDial(): number {
  const before = clock.monotonic();
  while (!agentState().includes('dialing')) clock.advance(50);
  return clock.monotonic() - before;
}

async function connected(tunnels = 2): Promise<AgentUnderTest> {
  const running = await start();
  await until(() => kas.open.length === tunnels && kas.watchers === 1, `${tunnels} tunnels`);
  await until(
    () =>
      running.lines.some(
        ({ fields }) => fields['machine'] === 'registration' && fields['to'] === 'registered',
      ),
    'a registration',
  );
  return running;
}

test('a cut connection is dialled again after a backoff, and everything on it comes back', async () => {
  const running = await connected();
  network.cut();
  await until(() => !running.agentk.connected, 'the loss');
  await until(() => running.said('No connection to kas, trying again').length === 1, 'a line about it');
  expect(network.accepted).toBe(1);
  nextDial();
  await until(() => kas.open.length === 2 && kas.watchers === 1, 'two tunnels again');
  await until(() => kas.registrations.length === 2, 'a new registration');
  expect(running.said('Connected to kas')).toHaveLength(2);
});

test('a kas that is away is tried ever more slowly, with one line in the log', async () => {
  network.refusing = true;
  const running = await start();
  const waits: number[] = [];
  for (let tries = 1; tries <= 12; tries++) {
    await until(() => network.accepted === tries && agentState().includes('backingOff'), `try ${tries}`);
    waits.push(nextDial());
  }
  for (const [index, wait] of waits.entries()) {
    const base = Math.min(agentLinkDelays.backoffInitMs * 1.6 ** index, agentLinkDelays.backoffMsMax);
    expect(wait).toBeGreaterThan(base * 0.8 - 100);
    expect(wait).toBeLessThan(base * 1.2 + 100);
  }
  const told = running.shown.filter(({ message }) => /No connection/.test(message));
  expect(told.length).toBeLessThanOrEqual(2);
  network.refusing = false;
  await until(() => network.accepted === 13, 'the last refused dial');
  await until(() => agentState().includes('backingOff') || running.agentk.connected, 'its end');
  if (!running.agentk.connected) nextDial();
  await until(() => kas.open.length === 2, 'tunnels');
});

test('a peer that accepts and says nothing is given up at the handshake deadline', async () => {
  const sockets: Socket[] = [];
  const mute = createServer((socket) => {
    socket.on('error', () => {}).resume();
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  agent = await AgentUnderTest.start((mute.address() as AddressInfo).port, api.port, { clock });
  clock.advance(0);
  for (let tries = 1; tries <= 3; tries++) {
    await until(() => sockets.length === tries, `try ${tries}`);
    await until(() => agentState().includes('handshaking'), 'the handshake');
    clock.advance(agentLinkDelays.handshakeMs);
    await until(() => sockets.at(-1)?.readableEnded === true || sockets.at(-1)?.destroyed === true, 'a cut');
    nextDial();
  }
  expect(agent.shown.at(-1)?.fields['reason']).toBe('kas did not answer the HTTP/2 handshake in time');
  mute.close();
  for (const socket of sockets) socket.destroy();
});

function agentState(): string {
  return agent?.lines.findLast(({ fields }) => fields['machine'] === 'agentLink')?.fields['to'] as string;
}

test('a black hole is noticed by the missing answer to a ping', async () => {
  const running = await connected();
  network.blackHole = true;
  clock.advance(agentLinkDelays.pingMs);
  clock.advance(agentLinkDelays.pingAckMs - 1);
  expect(running.agentk.connected).toBe(true);
  clock.advance(1);
  expect(running.agentk.connected).toBe(false);
  network.blackHole = false;
  clock.advance(agentLinkDelays.backoffInitMs * 1.2);
  await until(() => running.agentk.connected, 'a new connection');
  expect(running.said('No connection to kas, trying again')[0]?.fields['reason']).toBe(
    'kas did not answer a keepalive ping in time',
  );
});

test('answered pings keep the connection', async () => {
  const running = await connected();
  await pass(600_000);
  expect(running.agentk.connected).toBe(true);
  expect(network.accepted).toBe(1);
});

describe('GOAWAY', () => {
  test('makes the agent dial beside the old connection, which finishes its requests', async () => {
    const running = await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    tunnel?.claim('GET', '/held');
    await until(() => api.held.length === 1, 'the request');
    clock.advance(agentLinkDelays.provenMs);
    kas.goAway();
    await until(() => network.accepted === 2 && running.agentk.connected, 'a second connection');
    await until(() => kas.registrations.length === 2, 'a registration on the new connection');
    expect(network.open).toBe(2);
    api.held[0]?.end('finished on the old connection');
    expect(await tunnel?.answer()).toMatchObject({ status: 200, body: 'finished on the old connection' });
    for (const open of kas.tunnels.slice(0, 12)) open.end();
    kas.endConfigurations();
    await until(() => network.open === 1, 'the end of the old connection');
    expect(running.shown.some(({ level }) => level === 'warn' || level === 'error')).toBe(false);
  });
});

describe('a refused agent', () => {
  test('says so once, with the remedy, and asks again only after a long wait', async () => {
    kas.refusal = { code: status.UNAUTHENTICATED, details: 'unauthenticated' };
    const running = await start();
    await until(() => running.said('kas refuses this agent').length === 1, 'the line');
    const [line] = running.said('kas refuses this agent');
    expect(line?.level).toBe('error');
    expect(line?.fields['reason']).toBe('Unauthenticated: unauthenticated');
    expect(line?.fields['remedy']).toContain('does not accept the agent token');
    expect(JSON.stringify(running.lines)).not.toContain('agent-token');
    expect(network.accepted).toBe(1);
    expect(nextDial()).toBeGreaterThan(agentLinkDelays.refusedInitMs * 0.75);
    await until(() => network.accepted === 2 && agentState().includes('refused'), 'a second refusal');
    expect(running.said('kas refuses this agent')).toHaveLength(1);

    kas.refusal = undefined;
    expect(nextDial()).toBeGreaterThan(agentLinkDelays.refusedInitMs * 1.5);
    await until(() => kas.open.length === 2 && kas.registrations.length === 1, 'tunnels');
    await until(() => running.said('Connected to kas').length === 2, 'good news');
  });

  test.each([
    [status.PERMISSION_DENIED, 'forbidden', 'forbids its use'],
    [status.NOT_FOUND, 'agent not found', 'no agent for this token'],
  ])('with code %i is told which side is wrong', async (code, details, remedy) => {
    kas.refusal = { code, details };
    const running = await start();
    await until(() => running.said('kas refuses this agent').length === 1, 'the line');
    expect(running.said('kas refuses this agent')[0]?.fields['remedy']).toContain(remedy);
  });

  test('is not confused with a call that failed for another reason', async () => {
    kas.refusal = { code: status.NOT_FOUND, details: 'Config: repository poll failed: ref not found' };
    const running = await start();
    await until(() => running.lines.some(({ message }) => /No configuration/.test(message)), 'a failed call');
    expect(running.said('kas refuses this agent')).toEqual([]);
    expect(running.agentk.connected).toBe(true);
  });
});

describe('tunnels', () => {
  test('that kas keeps ending at once are not a busy loop', async () => {
    kas.hasty = true;
    await start();
    const tried = 2 * (tunnelClientDelays.hastyMax + 1);
    await until(() => kas.tunnels.length === tried, `${tried} streams`);
    await clock.settle();
    await clock.settle();
    expect(kas.tunnels.length).toBe(tried);
    kas.hasty = false;
    clock.advance(tunnelClientDelays.backoffInitMs * 1.2 + 100);
    await until(() => kas.open.length === 2, 'tunnels that stay');
  });

  test('that fail for other reasons back off, with one line for all', async () => {
    const running = await connected();
    for (const tunnel of kas.open) tunnel.end(status.UNAVAILABLE, 'unavailable');
    await until(() => kas.open.length === 0, 'failed tunnels');
    await clock.settle();
    expect(kas.tunnels.length).toBe(2);
    await until(
      () => running.lines.filter(({ message }) => message === 'Tunnel to kas failed').length === 2,
      'news',
    );
    expect(running.said('Tunnel to kas failed')).toHaveLength(1);
    clock.advance(tunnelClientDelays.backoffInitMs * 1.2 + 100);
    await until(() => kas.open.length === 2, 'new tunnels');
  });

  test('cancelled by kas are opened again at once', async () => {
    await connected();
    clock.advance(2 * tunnelClientDelays.hastyMs);
    for (const tunnel of kas.open) tunnel.end(status.CANCELLED, 'cancelled');
    await until(() => kas.tunnels.length === 4, 'new tunnels');
  });

  test('of a kas that reuses them shrink back to two after a minute of idleness', async () => {
    kas.reuse = true;
    const running = await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    expect(await tunnel?.get('/a')).toMatchObject({ offered: true });
    await until(() => kas.open.length === 12, 'ten more tunnels');
    await pass(tunnelClientDelays.idleMsMax - 100);
    await clock.settle();
    expect(kas.open.length).toBe(12);
    clock.advance(100);
    await until(() => running.agentk.tunnels.idle === 2, 'two tunnels');
    expect(kas.open.length).toBe(2);
    // Each said that what crosses it was not executed, also those that never had a request.
    for (const retired of kas.tunnels.filter((one) => one !== tunnel && !kas.open.includes(one))) {
      expect((await retired.next())?.msg.case).toBe('descriptor');
      expect((await retired.next())?.msg.case).toBe('error');
    }
    await pass(10 * tunnelClientDelays.idleMsMax);
    await clock.settle();
    expect(kas.open.length).toBe(2);
  });

  test('of a kas that does not reuse them shrink when kas ends them', async () => {
    const running = await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    await tunnel?.get('/a');
    await until(() => kas.open.length === 12, 'ten more tunnels');
    await pass(5 * tunnelClientDelays.idleMsMax);
    await clock.settle();
    expect(kas.open.length).toBe(12);
    for (const open of kas.open) open.end();
    await until(() => running.agentk.tunnels.idle === 2, 'two tunnels');
  });
});

test('the configuration stream is opened again where it ended', async () => {
  const running = await connected();
  kas.configure('commit-7');
  await until(() => running.said('Applied configuration').length === 1, 'the configuration');
  await pass(60_000);
  kas.endConfigurations();
  await until(() => kas.configurationRequests.length === 2, 'a second request');
  expect(kas.configurationRequests[1]?.commitId).toBe('commit-7');
});

test('a pod registers every five minutes', async () => {
  await connected();
  for (let times = 2; times <= 4; times++) {
    await pass(300_000);
    await until(() => kas.registrations.length === times, `registration ${times}`);
    await until(() => agent?.lines.at(-1)?.fields['to'] === 'registered', 'its answer');
  }
  expect(new Set(kas.registrations.map(({ podId }) => podId)).size).toBe(1);
});
