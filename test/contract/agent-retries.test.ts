/** `spec/wire.md §4.4`, `§4.5`, `§11.4`, `§12`: when our agentk comes back, call by call and code by code. Time is virtual. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentUnderTest, FakeApiServer } from '../agentk/agent-under-test.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { until } from '../kas/waiting.ts';
import { errorCode } from './frames.ts';
import { GoKas, type GoCall } from './go-kas.ts';
import { bytes, int, message } from './protobuf.ts';
import type { Peer } from './peer.ts';

const second = 1_000;
let kas: GoKas;
let api: FakeApiServer;
let clock: VirtualClock;
let agent: AgentUnderTest;

beforeEach(async () => {
  kas = await GoKas.start();
  api = await FakeApiServer.start();
  clock = new VirtualClock();
  agent = await AgentUnderTest.start(kas.port, api.port, { clock });
  clock.advance(0);
});
afterEach(async () => {
  void agent.agentk.stop();
  await agent.agentk.stop();
  kas.stop();
  api.stop();
});

const inboxes = {
  Connect: () => kas.tunnels,
  GetConfiguration: () => kas.configurations,
  Register: () => kas.registrations,
} as const;
type Rpc = keyof typeof inboxes;

/** Moves time on until there are more calls of this kind; answers how long that took. */
async function again(rpc: Rpc, before: number, msMax: number, stepMs: number): Promise<number> {
  const from = clock.monotonic();
  const { all } = inboxes[rpc]();
  for (let turns = 0; turns < 3; turns++) await kas.heard();
  while (all.length <= before && clock.monotonic() - from < msMax) {
    await clock.advanceAsync(stepMs);
    for (let turns = 0; turns < 2; turns++) await kas.heard();
  }
  if (all.length <= before) throw new Error(`${rpc} did not come again within ${msMax} ms`);
  return clock.monotonic() - from;
}

/** The first call of a kind, when everything else is at rest. */
async function first(rpc: Rpc): Promise<GoCall> {
  await until(() => kas.tunnels.all.length === 2 && kas.configurations.all.length === 1);
  await until(() => kas.registrations.all.length > 0);
  await kas.heard();
  const [call] = inboxes[rpc]().all;
  if (call === undefined) throw new Error(`no ${rpc}`);
  return call;
}

const codes = {
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  'a code nobody knows': 99,
} as const;

describe('§11.4 Connect', () => {
  it.each([
    ['OK', 0],
    ['CANCELED', 1],
    ['DEADLINE_EXCEEDED', 4],
  ])('after %s comes again at once', async (_name, code) => {
    (await first('Connect')).end(code, 'x');
    expect(await again('Connect', 2, 60 * second, 50)).toBe(0);
  });

  it.each(Object.entries(codes))('after %s comes again after 1 to 1.2 s', async (_name, code) => {
    (await first('Connect')).end(code, 'x');
    const ms = await again('Connect', 2, 60 * second, 50);
    expect(ms).toBeGreaterThanOrEqual(1_000 - 50);
    expect(ms).toBeLessThanOrEqual(1_200 + 100);
  });

  it('is slower with each failure, up to 20 to 24 s', async () => {
    let tunnel: GoCall = await first('Connect');
    for (const base of [1, 1.6, 2.56, 4.1, 6.55, 10.5, 16.8, 20, 20]) {
      const { length } = kas.tunnels.all;
      tunnel.end(14, 'unavailable');
      const ms = await again('Connect', length, 60 * second, 100);
      expect(ms).toBeGreaterThanOrEqual(base * second - 200);
      expect(ms).toBeLessThanOrEqual(base * second * 1.2 + 200);
      tunnel = kas.tunnels.all.at(-1) ?? tunnel;
    }
  });

  it.each([
    ['CANCEL', errorCode.cancel, 0, 0],
    ['NO_ERROR', errorCode.noError, 1_000, 1_300],
    ['PROTOCOL_ERROR', errorCode.protocolError, 1_000, 1_300],
    ['INTERNAL_ERROR', errorCode.internalError, 1_000, 1_300],
    ['REFUSED_STREAM', errorCode.refusedStream, 1_000, 1_300],
    ['ENHANCE_YOUR_CALM', errorCode.enhanceYourCalm, 1_000, 1_300],
  ])('after RST_STREAM %s comes again as after its gRPC status', async (_name, code, from, to) => {
    (await first('Connect')).stream.reset(code);
    const ms = await again('Connect', 2, 60 * second, 50);
    expect(ms).toBeGreaterThanOrEqual(from - 50);
    expect(ms).toBeLessThanOrEqual(to);
  });

  it.each([
    ['503 of a balancer', [[':status', '503']]],
    [
      'HTML with 200',
      [
        [':status', '200'],
        ['content-type', 'text/html'],
      ],
    ],
    [
      '502 with a body',
      [
        [':status', '502'],
        ['content-type', 'text/plain'],
      ],
    ],
  ] as const)('after %s comes again after a back-off', async (_name, headers) => {
    (await first('Connect')).stream.headers(headers, true);
    expect(await again('Connect', 2, 60 * second, 50)).toBeGreaterThanOrEqual(950);
  });

  it('after a message above 4 MiB comes again after a back-off', async () => {
    const call = await first('Connect');
    const head = Buffer.alloc(5);
    head.writeUInt32BE(4 * 1024 * 1024 + 1, 1);
    call.respond().stream.data(head);
    const ms = await again('Connect', 2, 60 * second, 50);
    expect(ms).toBeGreaterThanOrEqual(950);
  });

  it('after an encoding nobody announced comes again after a back-off', async () => {
    const call = await first('Connect');
    call.stream.headers([
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['grpc-encoding', 'zstd'],
    ]);
    expect(await again('Connect', 2, 60 * second, 50)).toBeGreaterThanOrEqual(950);
  });
});

describe('§11.4 GetConfiguration', () => {
  it('after OK comes again at once', async () => {
    const call = await first('GetConfiguration');
    await clock.advanceAsync(2 * second); // one that always ends at once is slowed down
    call.end(0);
    expect(await again('GetConfiguration', 1, 60 * second, 50)).toBe(0);
  });

  it.each([['CANCELED', 1], ['DEADLINE_EXCEEDED', 4], ...Object.entries(codes)] as const)(
    'after %s comes again after 10 to 20 s',
    async (_name, code) => {
      (await first('GetConfiguration')).end(code, 'x');
      const ms = await again('GetConfiguration', 1, 60 * second, 500);
      expect(ms).toBeGreaterThanOrEqual(10 * second - 500);
      expect(ms).toBeLessThanOrEqual(20 * second + 500);
    },
  );

  it('after NOT_FOUND of a branch is one call that failed, not a refused agent', async () => {
    (await first('GetConfiguration')).end(5, 'Config: repository poll failed: NotFound: ref not found');
    await again('GetConfiguration', 1, 60 * second, 500);
    expect(kas.connections.all).toHaveLength(1);
  });

  it('asks with the commit it has applied, and reads answers in gzip', async () => {
    const call = await first('GetConfiguration');
    await call.message();
    const configuration = message(int(4, 42), bytes(11, 'https://gitlab.example.com'));
    call.send(message(bytes(1, configuration), bytes(2, 'abc123')));
    await until(() => agent.said('Applied configuration').length === 1);
    call.end(0);
    await again('GetConfiguration', 1, 60 * second, 50);
    expect((await kas.configurations.all.at(-1)?.message())?.subarray(0, 8).toString()).toBe(
      '\n\u0006abc123',
    );
  });
});

describe('§11.4 Register', () => {
  it('comes again 5 min after OK', async () => {
    await first('Register');
    const ms = await again('Register', 1, 600 * second, 5 * second);
    expect(ms).toBeGreaterThanOrEqual(295 * second);
    expect(ms).toBeLessThanOrEqual(305 * second);
  });

  it.each([['CANCELED', 1], ['DEADLINE_EXCEEDED', 4], ...Object.entries(codes)] as const)(
    'after %s comes again after 10 to 20 s',
    async (_name, code) => {
      kas.registers = false;
      (await first('Register')).end(code, 'x');
      const ms = await again('Register', 1, 60 * second, 500);
      expect(ms).toBeGreaterThanOrEqual(10 * second - 500);
      expect(ms).toBeLessThanOrEqual(20 * second + 500);
    },
  );
});

describe('§11.4 a refused agent', () => {
  it.each([
    ['UNAUTHENTICATED', 16, 'unauthenticated'],
    ['PERMISSION_DENIED', 7, 'forbidden'],
    ['NOT_FOUND', 5, 'agent not found'],
  ])('(%s) never gives up: it waits up to 36 s and comes back whole', async (_name, code, text) => {
    (await first('Connect')).end(code, text);
    const ms = await again('Connect', 2, 60 * second, second);
    expect(ms).toBeGreaterThanOrEqual(20 * second);
    expect(agent.said('kas refuses this agent')).toHaveLength(1);
    for (const call of [...kas.tunnels.all.slice(1, 2), ...kas.configurations.all]) call.end(code, text);
    await until(() => kas.tunnels.all.length >= 4 && kas.configurations.all.length >= 2);
    expect(agent.agentk.connected).toBe(true);
  });
});

describe('§4.5 GOAWAY of kas', () => {
  it('moves new calls to a new connection while a request finishes on the old one', async () => {
    await first('Connect');
    // Old enough to be taken for a healthy connection.
    for (let passed = 0; passed < 40; passed++) {
      await clock.advanceAsync(second);
      await kas.heard();
    }
    const [tunnel] = kas.tunnels.all;
    tunnel?.ask('GET', '/held');
    await until(() => api.held.length === 1);
    const old = kas.newest;
    old?.goAway();
    await until(() => kas.connections.all.length === 2);
    await until(() => agent.agentk.connected);
    for (const call of [...kas.tunnels.all, ...kas.configurations.all])
      if (call.peer === old && call !== tunnel) call.end(0);
    await until(() => kas.tunnels.all.some(({ peer }) => peer === kas.newest));
    await until(() => kas.configurations.all.some(({ peer }) => peer === kas.newest));
    api.held[0]?.end('late');
    await tunnel?.member(); // descriptor
    expect(await tunnel?.answer()).toMatchObject({ status: 200, body: 'late' });
    tunnel?.end();
    await old?.closed;
    expect(kas.connections.all).toHaveLength(2);
  });

  it('with ENHANCE_YOUR_CALM is told to the operator, and the next connection comes after a back-off', async () => {
    await first('Connect');
    kas.newest?.goAway(errorCode.enhanceYourCalm, 0x7fffffff, 'too_many_pings');
    kas.newest?.close();
    const from = clock.monotonic();
    while (kas.connections.all.length < 2) {
      await clock.advanceAsync(100);
      await kas.heard();
    }
    expect(clock.monotonic() - from).toBeGreaterThanOrEqual(700);
    expect(agent.lines.some(({ fields }) => String(fields['reason']).includes('too_many_pings'))).toBe(true);
  });
});

describe('§4.4 keepalive', () => {
  it('pings after 55 s, never within 20 s, and cuts a kas that is silent for 20 s', async () => {
    await first('Connect');
    const peer = kas.newest as Peer;
    const pings: number[] = [];
    const { length: ownBefore } = peer.pings.all;
    expect(ownBefore).toBeGreaterThan(0); // answers to ours are not pings of agentk
    peer.onPing = () => pings.push(clock.monotonic());
    for (let passed = 0; passed < 240; passed++) {
      await clock.advanceAsync(second);
      await kas.heard();
    }
    expect(pings.length).toBeGreaterThanOrEqual(3);
    for (const [at, ping] of pings.entries())
      if (at > 0) expect(ping - (pings[at - 1] ?? 0)).toBeGreaterThanOrEqual(20 * second);
    peer.answersPings = false;
    for (let passed = 0; passed < 80 && !peer.isClosed; passed++) {
      await clock.advanceAsync(second);
      await kas.heard();
    }
    await peer.closed;
  });

  it('of kas is answered', async () => {
    await first('Connect');
    await kas.heard();
    expect(kas.newest?.pings.all.length).toBeGreaterThan(0);
  });
});
