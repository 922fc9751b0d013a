/** `spec/wire.md §3`, `§6`, `§9.3`: our agentk serves the tunnels of a Go kas. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentUnderTest, FakeApiServer } from '../agentk/agent-under-test.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { until } from '../kas/waiting.ts';
import { errorCode } from './frames.ts';
import { down, GoKas, httpRequest, makeRequest, type GoTunnelEnd } from './go-kas.ts';
import { grpcMessage } from './peer.ts';
import { bytes, Fields, message } from './protobuf.ts';
import { vectors } from './vectors.ts';

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

/** A tunnel whose descriptor was read. */
async function offered(): Promise<GoTunnelEnd> {
  const tunnel = await kas.tunnels.next();
  expect((await tunnel.message()).toString('hex')).toBe(vectors.descriptor.toString('hex'));
  return tunnel;
}

describe('§4.4, §5.1 the calls of agentk', () => {
  it('carry what a Go kas expects', async () => {
    const tunnel = await kas.tunnels.next();
    const registration = await kas.registrations.next();
    const configuration = await kas.configurations.next();
    for (const { headers } of [tunnel, registration, configuration]) {
      expect(Object.fromEntries(headers)).toMatchObject({
        ':method': 'POST',
        ':scheme': 'http',
        ':authority': `127.0.0.1:${kas.port}`,
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-accept-encoding': 'gzip',
        authorization: 'Bearer agent-token',
        'user-agent': expect.stringMatching(/^gitlab-agent\/[^/]+\/[^/]+/) as string,
      });
    }
    expect([registration.compressed, configuration.compressed, tunnel.compressed]).toEqual([
      true,
      true,
      false,
    ]);
    expect(tunnel.headers.has('grpc-timeout')).toBe(false);
    expect(configuration.headers.has('grpc-timeout')).toBe(false);
  });

  it('say who the pod is: Register with pod_id, GetConfiguration with skip_register', async () => {
    const register = new Fields(await (await kas.registrations.next()).message());
    const meta = register.sub(1);
    expect([meta.text(3), meta.text(4)]).toEqual(['gitlab-agent', 'agent-0']);
    expect([meta.sub(5).text(1), meta.sub(5).text(2), meta.sub(5).text(3)]).toEqual(['1', '33', 'v1.33.1']);
    expect(register.int(2)).toBeGreaterThan(0n);
    const configuration = new Fields(await (await kas.configurations.next()).message());
    expect([configuration.text(1), configuration.int(3)]).toEqual(['', 1n]);
    expect(configuration.sub(2).text(4)).toBe('agent-0');
  });
});

describe('§6.1 a Connect stream', () => {
  it('is one of two that wait, each with its descriptor, half-closed by nobody', async () => {
    await offered();
    await offered();
    await kas.heard();
    expect(kas.tunnels.all).toHaveLength(2);
    expect(kas.tunnels.all.every(({ stream }) => stream.events.all.length === 2)).toBe(true);
  });

  it('serves one request: header, messages, trailer, half-close; then another stream is opened', async () => {
    const tunnel = await offered();
    await offered();
    tunnel.ask('GET', '/api/v1/pods', { 'X-One': ['a', 'b'] });
    const { order, status, body } = await tunnel.answer();
    expect([status, body]).toEqual([200, 'hello from /api/v1/pods']);
    expect(order).toEqual(['2', '3.1', '3.2', '3.3', '4']);
    expect(api.requests.at(-1)).toMatchObject({ method: 'GET', url: '/api/v1/pods' });
    expect(api.requests.at(-1)?.headers['x-one']).toBe('a, b');
    tunnel.end();
    await offered();
    await kas.heard();
    // One turned busy, so more came; none of them was used again.
    expect(tunnel.stream.events.all.filter(({ kind }) => kind === 'message')).toHaveLength(6);
  });

  it('that turns busy is followed by ten new ones', async () => {
    const tunnel = await offered();
    tunnel.ask('GET', '/held');
    await until(() => kas.tunnels.all.length >= 11);
    await kas.heard();
    expect(kas.tunnels.all.length).toBeGreaterThanOrEqual(11);
    expect(kas.tunnels.all.length).toBeLessThanOrEqual(12);
  });

  it('that kas ends with OK is opened again at once, trailers only or with headers', async () => {
    for (const answered of [false, true]) {
      const tunnel = await offered();
      if (answered) tunnel.respond();
      tunnel.end();
    }
    await offered();
    await offered();
  });

  it('answers while the request is still coming, in both directions at once', async () => {
    const tunnel = await offered();
    tunnel.send(down.requestInfo(makeRequest));
    tunnel.send(down.message(httpRequest.header('POST', '/held', { contentLength: -1 })));
    tunnel.send(down.message(httpRequest.data('one ')));
    await until(() => api.held.length === 1);
    api.held[0]?.write('early');
    expect((await tunnel.member())?.has(2)).toBe(true);
    expect((await tunnel.member())?.sub(3).sub(1).has(1)).toBe(true);
    expect((await tunnel.member())?.sub(3).sub(1).sub(2).text(1)).toBe('early');
    tunnel.send(down.message(httpRequest.data('two')));
    tunnel.send(down.message(httpRequest.trailer())).send(down.closeSend());
    api.held[0]?.end();
    expect((await tunnel.answer()).order).toEqual(['3.3', '4']);
  });

  it('is cancelled by kas: the request to the cluster is aborted, and a new stream is opened', async () => {
    const tunnel = await offered();
    tunnel.ask('GET', '/held');
    await until(() => api.held.length === 1);
    const gone = new Promise((resolve) => api.held[0]?.once('close', resolve));
    tunnel.stream.reset(errorCode.cancel);
    await gone;
    await until(() => kas.tunnels.all.length >= 12);
  });
});

describe('§6.2 the metadata of a request', () => {
  it.each([
    [
      'of a Go kas',
      { ':authority': ['kas'], 'content-type': ['application/grpc+proto'], authorization: ['x'] },
    ],
    ['in upper case', { 'X-Upper': ['a'], UPPER: ['b'] }],
    ['of -bin keys', { 'trace-bin': ['raw'] }],
    [
      'that is strange',
      { '': [], 'no values': [], ü: ['ü'], 'grpc-timeout': ['1n'], 'grpc-encoding': ['zstd'] },
    ],
  ])('%s changes nothing', async (_name, meta) => {
    const tunnel = await offered();
    tunnel.send(down.requestInfo(makeRequest, meta));
    tunnel.send(down.message(httpRequest.header('GET', '/x'))).send(down.message(httpRequest.trailer()));
    tunnel.send(down.closeSend());
    expect(await tunnel.answer()).toMatchObject({ status: 200, body: 'hello from /x', error: undefined });
    expect(api.requests.at(-1)?.headers.authorization).toBe('Bearer kube-token');
  });
});

describe('§1 a request for what agentk does not serve', () => {
  it.each([
    ['/s/m', 'unknown service s'],
    [makeRequest.replace('MakeRequest', 'Other'), /^unknown method Other for service /],
  ])('%s fails with UNIMPLEMENTED, header and trailer first', async (method, text) => {
    const tunnel = await offered();
    tunnel.send(down.requestInfo(method)).send(down.closeSend());
    const { order, error } = await tunnel.answer();
    expect(order).toEqual(['2', '4', '5']);
    expect(error?.[0]).toBe(12);
    expect(error?.[1]).toMatch(text);
  });
});

const members = {
  1: down.requestInfo(makeRequest),
  2: down.message(httpRequest.data('x')),
  3: down.closeSend(),
} as const;

describe('§2.1, §3.2 the order of ConnectResponse', () => {
  it.each([2, 3] as const)(
    'member %i first of all breaks the stream, which is tried again later',
    async (to) => {
      const tunnel = await offered();
      tunnel.send(members[to]);
      expect((await tunnel.stream.next('reset')).code).toBe(errorCode.cancel);
    },
  );

  it.each([
    { state: 1, way: [1], to: 1, allowed: '2 3 -1' },
    { state: 2, way: [1, 2], to: 1, allowed: '2 3 -1' },
    { state: 3, way: [1, 2, 3], to: 1, allowed: '-1' },
    { state: 3, way: [1, 2, 3], to: 2, allowed: '-1' },
    { state: 3, way: [1, 2, 3], to: 3, allowed: '-1' },
  ] as const)('from $state to $to is told as INVALID_ARGUMENT', async ({ state, way, to, allowed }) => {
    const tunnel = await offered();
    for (const member of way) {
      if (member !== 2) tunnel.send(members[member]);
      else {
        tunnel.send(down.message(httpRequest.header('GET', '/held')));
        tunnel.send(down.message(httpRequest.trailer()));
      }
    }
    tunnel.send(members[to]);
    const { error } = await tunnel.answer();
    expect(error).toEqual([3, `transition from ${state} to ${to} is not allowed. Allowed: [${allowed}]`]);
  });
});

describe('§2.1, §3.2 the order of HttpRequest', () => {
  const http = {
    1: httpRequest.header('POST', '/held', { contentLength: -1 }),
    2: httpRequest.data('x'),
    3: httpRequest.trailer(),
    4: httpRequest.upgradeData('x'),
  } as const;
  const table = [
    { state: -2, way: [], allowed: [1] },
    { state: 1, way: [1], allowed: [2, 3] },
    { state: 2, way: [1, 2], allowed: [2, 3] },
    { state: 3, way: [1, 3], allowed: [4, -1] },
  ] as const;
  const violations = table.flatMap(({ state, way, allowed }) =>
    ([1, 2, 3, 4, -1] as const)
      .filter((to) => !(allowed as readonly number[]).includes(to))
      .map((to) => ({ state, way, allowed, to })),
  );
  it.each(violations)(
    'from $state to $to is told as INVALID_ARGUMENT',
    async ({ state, way, allowed, to }) => {
      const tunnel = await offered();
      tunnel.send(down.requestInfo(makeRequest));
      for (const member of way) tunnel.send(down.message(http[member]));
      tunnel.send(to === -1 ? down.closeSend() : down.message(http[to]));
      const { error, order } = await tunnel.answer();
      expect(error).toEqual([
        3,
        `transition from ${state} to ${to} is not allowed. Allowed: [${allowed.join(' ')}]`,
      ]);
      expect(order).toEqual(['2', '4', '5']);
    },
  );

  it('data after content_length 0 is INTERNAL, and so is upgradeData without an upgrade', async () => {
    for (const [piece, text] of [
      [[http[2]], 'unexpected HttpRequest_Data message received'],
      [[http[3], http[4]], 'unexpected HttpRequest_UpgradeData message for non-upgrade request'],
    ] as const) {
      const tunnel = await offered();
      tunnel.send(down.requestInfo(makeRequest));
      tunnel.send(down.message(httpRequest.header('GET', '/held')));
      for (const one of piece) tunnel.send(down.message(one));
      expect((await tunnel.answer()).error).toEqual([13, text]);
    }
  });
});

describe('§3.1 a message that', () => {
  it.each([
    ['has no member', Buffer.alloc(0)],
    ['has a member nobody knows', bytes(9, '')],
    ['is no protobuf', Buffer.from('ffffff', 'hex')],
  ])('%s ends the stream while it is idle, and is told during a request', async (_name, payload) => {
    const first = await offered();
    first.send(payload);
    expect((await first.stream.next('reset')).code).toBe(errorCode.cancel);
    const second = await offered();
    second.send(down.requestInfo(makeRequest)).send(payload);
    const { error } = await second.answer();
    expect([3, 13]).toContain(error?.[0]);
  });

  it('has unknown fields inside its members is read', async () => {
    const news = bytes(999, 'new');
    const tunnel = await offered();
    tunnel.send(bytes(1, message(bytes(1, makeRequest), news)));
    tunnel.send(bytes(2, message(bytes(1, httpRequest.header('GET', '/x')), news)));
    tunnel.send(down.message(httpRequest.trailer())).send(bytes(3, news));
    expect((await tunnel.answer()).status).toBe(200);
  });
});

describe('§15 the vectors, cut at each byte', () => {
  it('GET /version is a request to the cluster', async () => {
    const all = Buffer.concat(
      [
        down.requestInfo(makeRequest),
        down.message(vectors.getVersion),
        down.message(vectors.httpTrailer),
        vectors.closeSend,
      ].map((one) => grpcMessage(one)),
    );
    for (let cut = 0; cut <= all.length; cut += 1) {
      const tunnel = await offered();
      tunnel.respond().stream.data(all.subarray(0, cut)).data(all.subarray(cut));
      expect((await tunnel.answer()).status).toBe(200);
      expect(api.requests.at(-1)).toMatchObject({ method: 'GET', url: '/version?a=1' });
      expect(api.requests.at(-1)?.headers.accept).toBe('*/*');
      tunnel.end();
    }
  });

  it('POST /x of unknown length is sent with its body', async () => {
    const tunnel = await offered();
    tunnel.send(down.requestInfo(makeRequest)).send(down.message(vectors.postX));
    tunnel.send(down.message(httpRequest.data('body'))).send(down.message(vectors.httpTrailer));
    tunnel.send(vectors.closeSend);
    expect((await tunnel.answer()).status).toBe(200);
    expect(api.requests.at(-1)).toMatchObject({ method: 'POST', url: '/x' });
    const { 'content-length': length, 'transfer-encoding': coding } = api.requests.at(-1)?.headers ?? {};
    expect(length ?? coding).toMatch(/^(?:4|chunked)$/);
  });

  it('request_info of /s/m is for nobody', async () => {
    const tunnel = await offered();
    tunnel.send(vectors.requestInfo);
    expect((await tunnel.answer()).error).toEqual([12, 'unknown service s']);
  });
});
