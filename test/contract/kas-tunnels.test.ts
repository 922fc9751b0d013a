/** `spec/wire.md §3`, `§6`: a Go agentk lends tunnels to our kas. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { until } from '../kas/waiting.ts';
import {
  generations,
  GoAgent,
  httpResponse,
  kubernetesApi,
  statusAtEnd,
  up,
  type GoTunnel,
} from './go-agent.ts';
import { bytes, message, type Bytes } from './protobuf.ts';

let kas: KasUnderTest;
let agent: GoAgent;

async function begin(generation: keyof typeof generations = 'v16'): Promise<void> {
  kas = await KasUnderTest.start();
  agent = await GoAgent.dial(kas.ports.agents, tokens.agent, generations[generation]);
}

afterEach(async () => {
  agent.close();
  await kas.finish();
});

/** A tunnel kas may lend. */
async function idle(): Promise<GoTunnel> {
  const { idle: before } = await kas.counts();
  const tunnel = agent.connect();
  await kas.reaches({ idle: before + 1 });
  return tunnel;
}

/** A tunnel with a request that waits for its answer, and that answer. */
async function claimed(path = '/api'): Promise<{
  readonly tunnel: GoTunnel;
  readonly answer: Promise<readonly [status: number, body: string]>;
}> {
  const tunnel = await idle();
  const answer = kas
    .call(path)
    .then(async ({ statusCode, body }) => [statusCode, await body.text().catch(() => 'cut')] as const);
  await tunnel.request();
  return { tunnel, answer };
}

describe.each(['v16', 'v14'] as const)('§6.1 a Connect stream of %s', (generation) => {
  beforeEach(() => begin(generation));

  it('hears nothing, not even headers, until a request arrives', async () => {
    const tunnel = await idle();
    await kas.live(60_000);
    expect(tunnel.stream.events.all).toEqual([]);
  });

  it('carries one request from request_info to the status, and is not used again', async () => {
    const tunnel = await idle();
    const answered = kas.call('/api/v1/pods?limit=5', { method: 'POST', body: 'the body' });
    const { method, meta } = await tunnel.requestInfo();
    expect(method).toBe(`/${kubernetesApi}/MakeRequest`);
    for (const key of Object.keys(meta)) expect(key).toMatch(/^(?!:|kas-hop-|authorization$)[0-9a-z_.-]+$/);
    const header = (await tunnel.http())?.sub(1);
    const request = header?.sub(1);
    expect([request?.text(1), request?.text(3), request?.map(4)]).toEqual([
      'POST',
      '/api/v1/pods',
      { limit: ['5'] },
    ]);
    expect(header?.int(3)).toBe(8n);
    expect((await tunnel.http())?.sub(2).text(1)).toBe('the body');
    expect((await tunnel.http())?.has(3)).toBe(true);
    expect(await tunnel.http()).toBeUndefined(); // close_send
    tunnel.respond('hello', 201);
    const { statusCode, body } = await answered;
    expect([statusCode, await body.text()]).toEqual([201, 'hello']);
    expect(await tunnel.stream.trailers()).toMatchObject({ blocks: 1 });

    const next = await idle();
    const again = kas.call('/api');
    await next.request();
    next.respond();
    await (await again).body.dump();
    expect((await statusAtEnd(next.stream))[0]).toBe(0);
  });
});

describe('§6.1 an exchange', () => {
  beforeEach(() => begin());

  it('may be answered before its request has ended: both directions are independent', async () => {
    const tunnel = await idle();
    const client = request({
      port: kas.ports.kubernetesApi,
      method: 'POST',
      path: '/api',
      headers: { authorization: `Bearer ci:1:${tokens.job}` },
    });
    client.on('error', () => {});
    const answered = once(client, 'response') as Promise<[IncomingMessage]>;
    client.write('part');
    await tunnel.requestInfo();
    await tunnel.http();
    tunnel.send(up.header()).send(up.message(httpResponse.header(200)));
    tunnel.send(up.message(httpResponse.data('early')));
    const [answer] = await answered;
    expect(String(((await once(answer, 'data')) as [Buffer])[0])).toBe('early');
    client.write(' and more');
    expect((await tunnel.http())?.sub(2).text(1)).toBe('part');
    expect((await tunnel.http())?.sub(2).text(1)).toBe(' and more');
    client.destroy();
    expect((await tunnel.stream.next('reset')).code).toBe(8);
  });

  it('whose client leaves is ended with a reset or CANCELED', async () => {
    const tunnel = await idle();
    const stop = new AbortController();
    const gone = expect(kas.call('/api', { signal: stop.signal })).rejects.toThrow();
    await tunnel.request();
    stop.abort();
    await gone;
    expect((await tunnel.stream.next('reset')).code).toBe(8);
  });

  it.each([
    ['right after the descriptor', []],
    ['after header and trailer, as grpc-go sends it', [up.header(), up.trailer()]],
  ] as const)('that fails with error %s is answered with its text', async (_name, before) => {
    const { tunnel, answer } = await claimed();
    for (const member of before) tunnel.send(member);
    tunnel.send(up.error(14, 'the cluster is away'), true);
    const [status, body] = await answer;
    expect([status, body]).toEqual([502, expect.stringContaining('the cluster is away')]);
    expect(body).toContain('code = Unavailable');
    expect((await statusAtEnd(tunnel.stream))[0]).toBe(0);
  });

  it('whose agent answers at once with everything in one frame, and one byte at a time, is the same', async () => {
    for (const size of [100_000, 1]) {
      const { tunnel, answer } = await claimed();
      const members = [
        up.header({ 'content-type': ['application/grpc+proto'] }),
        up.message(httpResponse.header(200)),
        up.message(httpResponse.data('hello')),
        up.message(httpResponse.trailer()),
        up.trailer(),
      ];
      const all = Buffer.concat(members.map((member) => framed(member)));
      for (let at = 0; at < all.length; at += size) tunnel.stream.data(all.subarray(at, at + size));
      tunnel.stream.end();
      expect(await answer).toEqual([200, 'hello']);
      expect((await statusAtEnd(tunnel.stream))[0]).toBe(0);
    }
  });

  it('takes unknown fields of a newer agent inside every member', async () => {
    const { tunnel, answer } = await claimed();
    const news = bytes(999, 'new');
    tunnel.send(bytes(2, news));
    tunnel.send(bytes(3, message(bytes(1, httpResponse.header(200)), news)));
    tunnel.send(message(up.message(httpResponse.trailer()), news));
    tunnel.send(bytes(4, news), true);
    expect(await answer).toEqual([200, '']);
  });

  it('may carry header metadata of any case and of -bin keys; none of it reaches the client', async () => {
    const { tunnel, answer } = await claimed();
    tunnel.send(up.header({ 'X-Upper': ['a', 'b'], 'x-trace-bin': ['raw \u00ff'], '': [''] }));
    tunnel.send(up.message(httpResponse.header(204)));
    tunnel.send(up.message(httpResponse.trailer()));
    tunnel.send(up.trailer({ 'content-type': ['application/grpc+proto'] }), true);
    expect(await answer).toEqual([204, '']);
  });
});

describe('§6.3 a descriptor', () => {
  beforeEach(() => begin());

  it.each([
    ['that names nothing', {}],
    ['of another service', { 'some.Service': ['MakeRequest'] }],
    ['of another method', { [kubernetesApi]: ['Other'] }],
  ])('%s gets no request', async (_name, services) => {
    const stream = agent.call('/gitlab.agent.reverse_tunnel.rpc.ReverseTunnel/Connect');
    stream.send(up.descriptor(services));
    await kas.reaches({ idle: 1 });
    const answered = kas.call('/api');
    await kas.reaches({ waiting: 1 });
    const served = agent.connect();
    await served.request();
    served.respond();
    await (await answered).body.dump();
    expect(stream.events.all).toEqual([]);
  });
});

const framed = (payload: Bytes) => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
};

const members = {
  1: up.descriptor(),
  2: up.header(),
  3: up.message(httpResponse.data('x')),
  4: up.trailer(),
  5: up.error(13, 'x'),
} as const;
/** §2.1: ConnectRequest. What leads to a state, and what may follow. */
const rows = [
  { state: 1, way: [], allowed: [2, 5] },
  { state: 2, way: [2], allowed: [3, 4] },
  { state: 3, way: [2, 3], allowed: [3, 4] },
  { state: 4, way: [2, 4], allowed: [5, -1] },
  { state: 5, way: [5], allowed: [-1] },
] as const;

describe('§2.1, §3.2 the order of ConnectRequest', () => {
  beforeEach(() => begin());

  const refused = rows.flatMap(({ state, way, allowed }) =>
    ([1, 2, 3, 4, 5, -1] as const)
      .filter((to) => !(allowed as readonly number[]).includes(to))
      // An error ends the exchange at once (§16): what follows is played below.
      .filter(() => state !== 5)
      .map((to) => ({ state, way, allowed, to })),
  );
  it.each(refused)('from $state to $to is INVALID_ARGUMENT', async ({ state, way, allowed, to }) => {
    const { tunnel, answer } = await claimed();
    for (const member of way) {
      // HTTP has its own order inside: the first message is its header.
      tunnel.send(member === 3 ? up.message(httpResponse.header(200)) : members[member]);
    }
    if (to === -1) tunnel.stream.end();
    else tunnel.send(members[to]);
    const text = `transition from ${state} to ${to} is not allowed. Allowed: [${allowed.join(' ')}]`;
    expect(await statusAtEnd(tunnel.stream)).toEqual([3, text]);
    const [status, body] = await answer;
    if (state !== 3) expect([status, body]).toEqual([502, expect.stringContaining(text)]);
    else expect(body).toBe('cut');
    await kas.reaches({ tunnels: 0 });
  });

  it.each([1, 2, 3, 4, 5] as const)('after an error, member %i changes nothing any more', async (to) => {
    const { tunnel, answer } = await claimed();
    tunnel.send(members[5]).send(members[to]);
    expect(await answer).toEqual([502, expect.stringContaining('rpc error: code = Internal desc = x')]);
    expect(await statusAtEnd(tunnel.stream)).toEqual([0, '']);
    await kas.reaches({ tunnels: 0 });
  });

  it.each([2, 3, 4, 5] as const)('member %i first of all is INVALID_ARGUMENT', async (member) => {
    const stream = agent.call('/gitlab.agent.reverse_tunnel.rpc.ReverseTunnel/Connect').send(members[member]);
    expect(await statusAtEnd(stream)).toEqual([3, expect.stringMatching(/^Invalid oneof value type: /)]);
  });
});

describe('§2.1, §3.2 the order of HttpResponse', () => {
  beforeEach(() => begin());
  const http = {
    1: httpResponse.header(200),
    2: httpResponse.data('x'),
    3: httpResponse.trailer(),
    4: httpResponse.upgradeData('x'),
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
  it.each(violations)('from $state to $to is INVALID_ARGUMENT', async ({ state, way, allowed, to }) => {
    const { tunnel, answer } = await claimed();
    tunnel.send(up.header());
    for (const member of way) tunnel.send(up.message(http[member]));
    if (to === -1) tunnel.send(up.trailer(), true);
    else tunnel.send(up.message(http[to]));
    const text = `transition from ${state} to ${to} is not allowed. Allowed: [${allowed.join(' ')}]`;
    const [code, said] = await statusAtEnd(tunnel.stream);
    // What comes after a complete answer is too late to hurt the client.
    if (state === 3) expect((await answer)[0]).toBe(200);
    else if (state === -2) expect(await answer).toEqual([502, expect.stringContaining(text)]);
    else expect((await answer)[1]).toBe('cut');
    expect([code, said]).toEqual([3, text]);
  });

  it('upgradeData without an upgrade is INTERNAL', async () => {
    const { tunnel, answer } = await claimed();
    tunnel.send(up.header()).send(up.message(http[1])).send(up.message(http[3])).send(up.message(http[4]));
    expect(await statusAtEnd(tunnel.stream)).toEqual([13, 'unexpected field number received: 4']);
    expect((await answer)[0]).toBe(200);
  });
});

describe('§3.1 a message that', () => {
  beforeEach(() => begin());

  it.each([
    ['has no member', Buffer.alloc(0), 3, 'invalid ConnectRequest.Msg: value is required'],
    ['has a member nobody knows', bytes(9, ''), 3, 'invalid ConnectRequest.Msg: value is required'],
    [
      'lacks what its member must have',
      bytes(1, ''),
      3,
      'invalid ConnectRequest.Descriptor_: embedded message failed validation | caused by: ' +
        'invalid Descriptor.AgentDescriptor: value is required',
    ],
    [
      'breaks a rule deep inside',
      up.descriptor({ '': ['m'] }),
      3,
      'invalid ConnectRequest.Descriptor_: embedded message failed validation | caused by: ' +
        'invalid Descriptor.AgentDescriptor: embedded message failed validation | caused by: ' +
        'invalid AgentDescriptor.Services[0]: embedded message failed validation | caused by: ' +
        'invalid Service.Name: value length must be at least 1 bytes',
    ],
    [
      'is no protobuf',
      Buffer.from('ffffff', 'hex'),
      13,
      expect.stringMatching(/^grpc: failed to unmarshal the received message: /) as string,
    ],
    [
      'has text that is not UTF-8',
      bytes(1, bytes(1, bytes(1, bytes(1, Buffer.from('ff', 'hex'))))),
      13,
      expect.stringMatching(/^grpc: failed to unmarshal the received message: /) as string,
    ],
  ])('%s is refused', async (_name, payload, code, text) => {
    const stream = agent.call('/gitlab.agent.reverse_tunnel.rpc.ReverseTunnel/Connect').send(payload);
    expect(await statusAtEnd(stream)).toEqual([code, text]);
  });

  it('is an error without a status is refused in an exchange too', async () => {
    const { tunnel, answer } = await claimed();
    tunnel.send(bytes(5, ''));
    expect((await statusAtEnd(tunnel.stream))[0]).toBe(3);
    expect((await answer)[0]).toBe(502);
    await until(async () => (await kas.counts()).tunnels === 0);
  });
});
