/** GitlabAccess/MakeRequest: requests of agents' modules to GitLab, message by message (`spec/wire.md §9.1`, `§9.3`, `§11.1`). */
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics, systemClock } from '../../src/host/index.ts';
import { makeRequestHandler, type MakeRequestDeps } from '../../src/kas/agent-api/make-request.ts';
import { GrpcServer, http2ServerOptions } from '../../src/pipe/grpc/index.ts';
import type { GitLabResult, ModuleAnswer, ModuleRequest } from '../../src/ports/index.ts';
import { methods } from '../../src/protocol/index.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { restWorld } from '../gitlab/rest/rest-world.ts';
import { FakeAgent } from './fake-agent.ts';
import { KasUnderTest, tokens } from './kas-under-test.ts';
import { turn, until } from './waiting.ts';

interface Asked {
  readonly request: ModuleRequest;
  readonly signal: AbortSignal;
}

/** The method on a server of its own, with a GitLab the test plays. */
class Desk {
  readonly clock = new VirtualClock();
  readonly asked: Asked[] = [];
  readonly #registry = createMetrics({ processMetrics: false });
  readonly #server = createServer(http2ServerOptions());
  readonly #answer: (asked: Asked) => Promise<GitLabResult<ModuleAnswer>>;
  #agent: FakeAgent | undefined;

  private constructor(answer: (asked: Asked) => Promise<GitLabResult<ModuleAnswer>>) {
    this.#answer = answer;
    const grpcServer = new GrpcServer({ clock: this.clock, log: new RecordingLog() });
    const sessions: Pick<MakeRequestDeps['sessions'], 'admitToken'> = {
      admitToken: (_call, done) => done({ kind: 'admitted', token: 'agent-token' }),
    };
    const handler = makeRequestHandler({
      sessions: sessions as MakeRequestDeps['sessions'],
      gitlab: { moduleRequest: (request, signal) => this.#ask({ request, signal }) },
      clock: this.clock,
      metrics: this.#registry.metrics,
    });
    grpcServer.handle(methods.gitlabRequest.path, handler);
    grpcServer.attach(this.#server);
  }

  static async open(answer: (asked: Asked) => Promise<GitLabResult<ModuleAnswer>>): Promise<Desk> {
    const opened = new Desk(answer);
    await new Promise<void>((resolve) => opened.#server.listen(0, '127.0.0.1', resolve));
    opened.#agent = new FakeAgent((opened.#server.address() as AddressInfo).port, 'agent-token');
    return opened;
  }

  get agent(): FakeAgent {
    if (this.#agent === undefined) throw new Error('not open');
    return this.#agent;
  }

  async underWay(count: number): Promise<void> {
    await until(async () => (await this.#registry.expose()).body.includes(`kas_module_requests ${count}\n`));
  }

  close(): void {
    this.agent.close();
    this.#server.close();
  }

  #ask(asked: Asked): Promise<GitLabResult<ModuleAnswer>> {
    this.asked.push(asked);
    return this.#answer(asked);
  }
}

let desk: Desk;

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    await turn();
    yield Buffer.from(text);
  }
}

function answered(body: AsyncIterable<Uint8Array>, statusCode = 200): GitLabResult<ModuleAnswer> {
  const headers = ['content-type', 'application/json', 'X-Two', 'a', 'X-Two', 'b'];
  return { kind: 'ok', value: { statusCode, statusText: 'OK', headers, body } };
}

async function textOf(body: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const chunk of body ?? []) read.push(chunk);
  return Buffer.concat(read).toString();
}

describe('a request of a module', () => {
  afterEach(() => desk.close());

  it('goes to GitLab with what the agent said, and its answer comes back', async () => {
    desk = await Desk.open(async ({ request }) => answered(chunks(`got ${await textOf(request.body)}`), 201));
    const call = desk.agent.gitlab();
    call
      .head('starboard_vulnerability', {
        method: 'PUT',
        urlPath: '/a b',
        query: { q: { value: ['1', '2'] } },
        header: { 'Content-Type': { value: ['text/plain'] }, 'X-Many': { value: ['x', 'y'] } },
      })
      .data('hello ')
      .data('world')
      .end();
    const { end, head, body, order } = await call.answer();
    expect(end).toEqual({ code: 0, details: '' });
    expect(order).toEqual(['header', 'data', 'trailer']);
    expect(body.toString()).toBe('got hello world');
    expect(head).toMatchObject({
      statusCode: 201,
      status: '201 OK',
      header: { 'Content-Type': { value: ['application/json'] }, 'X-Two': { value: ['a', 'b'] } },
    });
    expect(desk.asked[0]?.request).toMatchObject({
      agentToken: 'agent-token',
      moduleName: 'starboard_vulnerability',
      method: 'PUT',
      urlPath: '/a b',
      headers: ['Content-Type', 'text/plain', 'X-Many', 'x', 'X-Many', 'y'],
    });
    expect([...(desk.asked[0]?.request.query ?? [])]).toEqual([['q', ['1', '2']]]);
    await desk.underWay(0);
  });

  it.each([
    ['says there is none', 0n, undefined],
    ['is empty', -1n, ''],
    ['is not announced', undefined, ''],
  ])('whose body %s', async (_name, contentLength, expected) => {
    let body: string | undefined = 'unread';
    desk = await Desk.open(async ({ request }) => {
      body = request.body === undefined ? undefined : await textOf(request.body);
      return answered(chunks());
    });
    const { end, order } = await desk.agent.gitlab().head('m', {}, contentLength).end().answer();
    expect([end.code, order, body]).toEqual([0, ['header', 'trailer'], expected]);
  });

  it('that is large flows in both directions without being collected', async () => {
    const piece = 'x'.repeat(30_000);
    desk = await Desk.open(async ({ request }) => answered(request.body ?? chunks()));
    const call = desk.agent.gitlab().head('m');
    for (let sent = 0; sent < 100; sent++) call.data(piece);
    const { end, body } = await call.end().answer();
    expect([end.code, body.length]).toEqual([0, 3_000_000]);
  });

  it('is answered in chunks of at most 32 KiB', async () => {
    desk = await Desk.open(() => Promise.resolve(answered(chunks('y'.repeat(100_000)))));
    const call = desk.agent.gitlab().head('m').end();
    const { body, order } = await call.answer();
    expect([body.length, order]).toEqual([100_000, ['header', 'data', 'data', 'data', 'data', 'trailer']]);
  });

  it('that GitLab answers before it was read is answered all the same', async () => {
    desk = await Desk.open(() => Promise.resolve(answered(chunks('no'), 402)));
    const call = desk.agent.gitlab().head('m').data('z'.repeat(200_000));
    expect((await call.inbox.next()).message.case).toBe('header');
    const { end, head } = await call.end().answer();
    expect([end.code, head?.statusCode]).toEqual([0, 402]);
  });

  it.each<[string, GitLabResult<ModuleAnswer>, string]>([
    ['cannot be reached', { kind: 'unavailable', reason: 'connection refused' }, 'connection refused'],
    ['does not know the agent', { kind: 'unauthenticated', reason: 'unknown token' }, 'unknown token'],
  ])('to a GitLab that %s is UNAVAILABLE', async (_name, result, reason) => {
    desk = await Desk.open(() => Promise.resolve(result));
    const { end } = await desk.agent.gitlab().head('m').end().answer();
    expect(end).toEqual({ code: grpc.status.UNAVAILABLE, details: `gRPC -> HTTP: ${reason}` });
  });

  it('whose answer breaks off is told so', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      await turn();
      throw new Error('socket hang up');
    }
    desk = await Desk.open(() => Promise.resolve(answered(broken())));
    const { end, body } = await desk.agent.gitlab().head('m').end().answer();
    expect([end.code, end.details]).toEqual([
      grpc.status.CANCELLED,
      'gRPC -> HTTP: read HTTP response body: socket hang up',
    ]);
    expect(body.toString()).toBe('half');
  });

  it('that the agent gives up is given up, and its body did not end', async () => {
    let ending = 'none';
    desk = await Desk.open(async ({ request }) => {
      ending = await textOf(request.body).then(
        () => 'complete',
        () => 'broken',
      );
      return { kind: 'unavailable', reason: 'x' };
    });
    const call = desk.agent.gitlab().head('m').data('a');
    await until(() => desk.asked.length === 1);
    call.cancel();
    await until(() => ending !== 'none');
    expect([ending, desk.asked[0]?.signal.aborted]).toEqual(['broken', true]);
    await desk.underWay(0);
  });

  it('ends after ten minutes, whatever it waits for', async () => {
    desk = await Desk.open(() => new Promise<never>(() => {}));
    const call = desk.agent.gitlab().head('m');
    await until(() => desk.asked.length === 1);
    await desk.clock.advanceAsync(600_000);
    expect((await call.answer()).end).toEqual({
      code: grpc.status.DEADLINE_EXCEEDED,
      details: 'gRPC -> HTTP: the request took too long',
    });
    expect(desk.asked[0]?.signal.aborted).toBe(true);
  });

  const upgrade = { header: { Upgrade: { value: ['websocket'] } } };
  const unavailable = grpc.status.UNAVAILABLE;
  const { INVALID_ARGUMENT, INTERNAL } = grpc.status;
  const header = { request: { method: 'GET', urlPath: '/' } };
  type Module = ReturnType<FakeAgent['gitlab']>;
  it.each<[string, (call: Module) => unknown, number, string]>([
    [
      'without its module',
      (c) => c.head(undefined),
      unavailable,
      'gRPC -> HTTP: the request does not name its module',
    ],
    [
      'for another protocol',
      (c) => c.head('m', upgrade),
      unavailable,
      'gRPC -> HTTP: connection upgrade is not supported',
    ],
    [
      'with a body it said it has not',
      (c) => c.head('m', {}, 0n).data('x'),
      INTERNAL,
      'unexpected HttpRequest_Data message received',
    ],
    [
      'that begins with data',
      (c) => c.data('x'),
      INVALID_ARGUMENT,
      'transition from -2 to 2 is not allowed. Allowed: [1]',
    ],
    [
      'with two heads',
      (c) => c.head('m').head('m'),
      INVALID_ARGUMENT,
      'transition from 1 to 1 is not allowed. Allowed: [2 3]',
    ],
    [
      'with nothing set',
      (c) => c.send(undefined),
      INVALID_ARGUMENT,
      'invalid HttpRequest.Message: value is required',
    ],
    [
      'that ends without its trailer',
      (c) => c.head('m').stream.end(),
      INVALID_ARGUMENT,
      'transition from 1 to -1 is not allowed. Allowed: [2 3]',
    ],
    [
      'with upgrade data',
      (c) => c.head('m').send({ case: 'trailer', value: {} }).send({ case: 'upgradeData', value: {} }),
      INTERNAL,
      'unexpected HttpRequest_UpgradeData message for non-upgrade request',
    ],
    [
      'with an extra of another kind',
      (c) => c.send({ case: 'header', value: { ...header, extra: { typeUrl: 'type.googleapis.com/x.Y' } } }),
      unavailable,
      'gRPC -> HTTP: the request does not name its module',
    ],
  ])('%s is refused', async (_name, send, code, details) => {
    desk = await Desk.open(() => new Promise<never>(() => {}));
    const call = desk.agent.gitlab();
    send(call);
    expect((await call.answer()).end).toEqual({ code, details });
    await desk.underWay(0);
  });
});

describe('a module of an agent and a GitLab over HTTP', () => {
  it('speak through kas, which signs for the module and leaves everything else', async () => {
    const world = await restWorld(systemClock);
    world.rails.handle('/modules/remote_development/reconcile', (request, response) => {
      response.writeHead(201, {
        'X-Method': request.method ?? '',
        'X-Type': request.headers['content-type'],
      });
      request.pipe(response);
    });
    desk = await Desk.open(({ request, signal }) => world.gitlab.moduleRequest(request, signal));
    try {
      const header = { 'Content-Type': { value: ['application/json'] } };
      const call = desk.agent.gitlab();
      call.head('remote_development', { urlPath: '/reconcile', header }).data('{"a":').data('1}').end();
      const { end, head, body } = await call.answer();
      expect([end.code, head?.statusCode, body.toString()]).toEqual([0, 201, '{"a":1}']);
      expect(head?.header).toMatchObject({
        'X-Method': { value: ['POST'] },
        'X-Type': { value: ['application/json'] },
      });
      expect(world.rails.requests('reconcile')[0]?.headers['authorization']).toBe('Bearer agent-token');
      const climbing = await desk.agent.gitlab().head('m', { urlPath: '/../../agent_info' }).end().answer();
      expect(climbing.end).toMatchObject({ code: grpc.status.UNAVAILABLE });
      expect(world.rails.requests('agent_info')).toEqual([]);
    } finally {
      desk.close();
      await world.close();
    }
  });
});

describe('a module of an agent of a whole kas', () => {
  it('is answered over HTTP, also when there is no GitLab, and is counted like any call of its token', async () => {
    const kas = await KasUnderTest.start({ agentListen: 'connections_per_token_per_minute: 2' });
    const agent = new FakeAgent(kas.ports.agents, tokens.agent);
    try {
      const ask = () => agent.gitlab().head('remote_development').data('{}').end().answer();
      for (let asked = 0; asked < 2; asked++) expect((await ask()).head?.statusCode).toBe(404);
      expect((await ask()).end).toEqual({
        code: grpc.status.RESOURCE_EXHAUSTED,
        details: 'new connection rate limit exhausted for this agent, try again later',
      });
      expect((await kas.observe('/metrics')).text).toMatch(/^agent_server_rate_exceeded_total 1$/m);
      const nobody = await agent.gitlab(new grpc.Metadata()).answer();
      expect(nobody.end).toEqual({
        code: grpc.status.UNAUTHENTICATED,
        details: 'Request unauthenticated with bearer',
      });
    } finally {
      await kas.finish(agent);
    }
  });
});
