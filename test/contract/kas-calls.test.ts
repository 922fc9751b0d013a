/** `spec/wire.md §1`, `§4.1`, `§5.1`, `§11.1`: single calls of an agent, well made and not, and what kas answers. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { until } from '../kas/waiting.ts';
import { errorCode } from './frames.ts';
import { generations, GoAgent, paths, statusAtEnd, statusOf, up } from './go-agent.ts';
import { Peer, type PeerStream } from './peer.ts';
import { bytes, Fields, int, message } from './protobuf.ts';

let kas: KasUnderTest;
let agent: GoAgent;

async function begin(...options: Parameters<typeof KasUnderTest.start>): Promise<void> {
  kas = await KasUnderTest.start(...options);
  agent = await GoAgent.dial(kas.ports.agents, tokens.agent);
}
afterEach(async () => {
  agent.close();
  await kas.finish();
});

const register = int(2, 1n);
const allPaths = Object.entries(paths);

describe('§11.1 authorization', () => {
  beforeEach(() => begin());
  const unauthenticated = 'Request unauthenticated with bearer';

  it.each(
    allPaths.flatMap(([name, path]) =>
      (
        [
          ['missing', undefined, unauthenticated],
          ['empty', '', unauthenticated],
          ['of another scheme', 'Basic abc', unauthenticated],
          ['without a space', 'Bearer', 'Bad authorization string'],
          ['a bare token', tokens.agent, 'Bad authorization string'],
        ] as const
      ).map(([what, value, text]) => ({ name, path, what, value, text })),
    ),
  )('$what is UNAUTHENTICATED, for $name', async ({ path, value, text }) => {
    const stream = agent.call(path, { authorization: value });
    const { trailers, blocks } = await stream.trailers();
    expect(statusOf(trailers)).toEqual([16, text]);
    expect(blocks).toBe(1); // trailers only
    expect(trailers.get(':status')).toBe('200');
    expect(trailers.get('content-type')).toBe('application/grpc');
  });

  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('scheme %s is accepted', async (scheme) => {
    const stream = agent.call(paths.register, { authorization: `${scheme} ${tokens.agent}` });
    expect((await statusAtEnd(stream.send(register, { end: true })))[0]).toBe(0);
  });

  it.each([
    ['unknown', `Bearer ${tokens.agent}x`],
    ['blank', 'Bearer  '],
    ['with a space before it', `Bearer  ${tokens.agent}`],
  ])('of a token that is %s: GitLab says 401', async (_name, authorization) => {
    const stream = agent.call(paths.register, { authorization });
    expect(await statusAtEnd(stream.send(register, { end: true }))).toEqual([16, 'unauthenticated']);
  });

  it('is the first of several values', async () => {
    const headers = [...agent.headers(paths.register), ['authorization', 'Bearer other'] as const];
    const stream = agent.peer.open(headers).send(register, { end: true });
    expect((await statusAtEnd(stream))[0]).toBe(0);
  });
});

describe('§11.1 the quota of a token', () => {
  it('counts calls of all methods in a minute, and says when it is used up', async () => {
    await begin({ agentListen: 'connections_per_token_per_minute: 3,' });
    for (let calls = 0; calls < 3; calls++) expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    const text = 'new connection rate limit exhausted for this agent, try again later';
    for (const path of Object.values(paths)) {
      expect(await statusAtEnd(agent.call(path))).toEqual([8, text]);
    }
    await kas.clock.advanceAsync(60_000);
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
  });
});

describe('§4.1 an :authority', () => {
  beforeEach(() => begin());

  it.each([
    'kas',
    'kas.example.com',
    'kas.example.com:8150',
    '127.0.0.1:1',
    '[::1]:8150',
    'localhost',
    'pipe',
    'ws:%2F%2Fkas.example.com%2Fpath%2F',
    '%2Fvar%2Frun%2Fkas.sock',
    'xn--bcher-kva.example:443',
  ])('%j is served', async (authority) => {
    const stream = agent.call(paths.register, { ':authority': authority });
    expect((await statusAtEnd(stream.send(register, { end: true })))[0]).toBe(0);
  });

  it.each(['', 'unix:/var/run/kas.sock', undefined])(
    '%j, which no agent sends, is refused by HTTP/2 itself: the stream and nothing else',
    async (authority) => {
      const stream = agent.call(paths.register, { ':authority': authority });
      expect((await stream.next('reset')).code).toBe(errorCode.protocolError);
      expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    },
  );

  it('may be left to a host header', async () => {
    const stream = agent.call(paths.register, { ':authority': undefined, host: 'kas.example.com' });
    expect((await statusAtEnd(stream.send(register, { end: true })))[0]).toBe(0);
  });
});

describe('§1 what is not served', () => {
  beforeEach(() => begin());
  const service = paths.register.slice(1, paths.register.lastIndexOf('/'));

  it.each([
    ['/some.Service/Method', 'unknown service some.Service'],
    [`/${service}/Other`, `unknown method Other for service ${service}`],
    [`/${service}/register`, `unknown method register for service ${service}`],
    ['/gitlab.agent.kubernetes_api.rpc.KubernetesApi/MakeRequest', /^unknown service /],
    ['/grpc.health.v1.Health/Check', 'unknown service grpc.health.v1.Health'],
    ['/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', /^unknown service /],
    ['/nothing', /^malformed method name: /],
  ])('%s is UNIMPLEMENTED', async (path, text) => {
    const [code, said] = await statusAtEnd(agent.call(path));
    expect(code).toBe(12);
    if (typeof text === 'string') expect(said).toBe(text);
    else expect(said).toMatch(text);
  });

  it('another HTTP method is refused with 405, another content type with 415', async () => {
    const get = await agent.call(paths.register, { ':method': 'GET' }).next('headers');
    expect(get.headers.get(':status')).toBe('405');
    const json = await agent.call(paths.register, { 'content-type': 'application/json' }).next('headers');
    expect(json.headers.get(':status')).toBe('415');
    const none = await agent.call(paths.register, { 'content-type': undefined }).next('headers');
    expect(none.headers.get(':status')).toBe('415');
  });

  it.each(['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8'])(
    'content type %s is served and echoed',
    async (contentType) => {
      const stream = agent.call(paths.register, { 'content-type': contentType });
      const { headers } = await stream.send(register, { end: true }).next('headers');
      expect(headers.get('content-type')).toBe(contentType);
    },
  );

  it('a call without te: trailers is served, as grpc-go does', async () => {
    const stream = agent.call(paths.register, { te: undefined });
    expect((await statusAtEnd(stream.send(register, { end: true })))[0]).toBe(0);
  });
});

describe('§6.2 grpc-timeout', () => {
  beforeEach(() => begin({ agentListen: 'max_connection_age: "360000s",' }));

  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['400m', 400],
    ['5000000u', 5_000],
    ['60000000n', 60],
  ])('%s ends a silent call with DEADLINE_EXCEEDED', async (timeout, ms) => {
    const tunnel = agent.connect({ 'grpc-timeout': timeout });
    await kas.reaches({ idle: 1 });
    for (let left = ms - 1; left > 0; left -= 10_000) {
      await kas.clock.advanceAsync(Math.min(10_000, left));
      if (left > 10_000) await kas.observe('/liveness'); // pings are answered
    }
    expect(tunnel.stream.events.all).toEqual([]);
    await kas.clock.advanceAsync(1);
    expect(await statusAtEnd(tunnel.stream)).toEqual([4, 'context deadline exceeded']);
  });

  it.each(['', '1', 'S', '1s', '-1S', '1.5S', '123456789S', ' 1S'])('%j is malformed', async (timeout) => {
    const stream = agent.call(paths.register, { 'grpc-timeout': timeout });
    expect((await statusAtEnd(stream))[0]).toBe(13);
  });

  it('of zero is over at once', async () => {
    const stream = agent.call(paths.connect, { 'grpc-timeout': '0n' });
    await until(async () => {
      await kas.clock.advanceAsync(0);
      return stream.events.all.length > 0;
    });
    expect((await statusAtEnd(stream))[0]).toBe(4);
  });
});

describe('§5.1 metadata', () => {
  beforeEach(() => begin());

  it('with upper-case names breaks HTTP/2 and ends the stream only', async () => {
    const stream = agent.call(paths.register, { 'X-Upper': 'v' });
    expect((await stream.next('reset')).code).toBe(errorCode.protocolError);
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
  });

  it.each([
    ['custom names', { 'x-one': 'a', 'x.two_3': 'b' }],
    ['binary values', { 'trace-bin': 'AAH/', 'other-bin': 'AAH/,AAE=' }],
    ['trace context', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }],
    ['keys between kas instances', { 'kas-hop-routing-agent-id': '7' }],
    ['a long value', { 'x-long': 'v'.repeat(8_000) }],
    ['an empty value', { 'x-empty': '' }],
    ['names objects have', { constructor: 'x', __proto__x: 'y' }],
  ])('of %s is taken', async (_name, more) => {
    const stream = agent.call(paths.register, more).send(register, { end: true });
    expect((await statusAtEnd(stream))[0]).toBe(0);
  });
});

describe('§2.9, §10 GetConfiguration', () => {
  const commitOf = async (stream: PeerStream) => new Fields(await stream.message()).text(2);

  it.each(Object.keys(generations) as (keyof typeof generations)[])(
    'sends %s the configuration and its commit, and nothing for a known commit',
    async (generation) => {
      await begin();
      const one = new GoAgent(await Peer.dial(kas.ports.agents), tokens.agent, generations[generation]);
      const plain = { 'grpc-encoding': undefined };
      const request = message(bytes(1, ''), one.generation.registers ? int(3, 1) : Buffer.alloc(0));
      const first = one.call(paths.configuration, plain).send(request, { end: true });
      const answer = new Fields(await first.message());
      const configuration = answer.sub(1);
      expect([configuration.int(4), configuration.int(5), configuration.text(8)]).toEqual([
        1n,
        1n,
        'demo/agents',
      ]);
      const commit = answer.text(2);
      expect(commit).toMatch(/^[0-9a-f]{40}$/);
      const known = one.call(paths.configuration, plain).send(bytes(1, commit), { end: true });
      const other = one.call(paths.configuration, plain).send(bytes(1, 'x'), { end: true });
      expect(await commitOf(other)).toBe(commit);
      expect(known.events.all).toEqual([]);
      one.close();
    },
  );

  it.each([
    ['is not YAML', 'a: [', /^Config: failed to parse agent configuration: /],
    ['is too large', `# ${'x'.repeat(200_000)}`, /^Config: agent configuration file: /],
    ['breaks the schema', 'observability: { logging: { level: loud } }', /^Config: /],
    [
      'breaks a rule',
      'ci_access: { projects: [{ id: "" }] }',
      /^Config: invalid agent configuration: invalid ConfigurationFile\.CiAccess: /,
    ],
  ])('of a file that %s is FAILED_PRECONDITION', async (_name, agentFile, text) => {
    await begin({ agentFile });
    const [code, said] = await statusAtEnd(agent.configuration());
    expect(code).toBe(9);
    expect(said).toMatch(text);
  });
});

describe('§4.4 streams of one connection', () => {
  it('may be 600 at once', async () => {
    await begin();
    for (let count = 0; count < 600; count++) agent.connect();
    await kas.reaches({ idle: 600 });
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    const settings = await agent.peer.settings.next();
    expect(settings.get(3)).toBeGreaterThanOrEqual(600);
  });

  it('are not ended for being silent', async () => {
    await begin();
    const stream = agent.call(paths.connect).send(up.descriptor());
    await kas.reaches({ idle: 1 });
    await kas.live(20 * 60_000);
    expect(stream.events.all).toEqual([]);
  });
});
