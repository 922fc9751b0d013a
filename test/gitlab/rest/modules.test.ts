/** Requests of agents' modules, passed through (`spec/gitlab.md §1.12`, `spec/wire.md §9.3`). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { ModuleAnswer, ModuleRequest } from '../../../src/ports/index.ts';
import { turn, until } from '../../kas/waiting.ts';
import { ImpatientClock, never, restWorld } from './rest-world.ts';

const module: ModuleRequest = {
  agentToken: 'agent-token',
  moduleName: 'starboard_vulnerability',
  method: 'GET',
  urlPath: '/policies_configuration',
  query: new Map(),
  headers: [],
  body: undefined,
};
const path = '/api/v4/internal/kubernetes/modules/starboard_vulnerability';

async function* chunks(...list: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const one of list) yield Buffer.from(one);
}

async function textOf({ body }: ModuleAnswer): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of body) all.push(chunk);
  return Buffer.concat(all).toString();
}

const fresh = () => restWorld(new ImpatientClock());
type World = Awaited<ReturnType<typeof fresh>>;

/** An answered request, or a failed test. */
async function answered(world: World, request: Partial<ModuleRequest> = {}): Promise<ModuleAnswer> {
  const result = await world.gitlab.moduleRequest({ ...module, ...request }, never);
  if (result.kind !== 'ok') throw new Error(result.reason);
  return result.value;
}

const json = { 'Content-Type': 'application/json' };

describe('a request of a module', () => {
  it('goes to its endpoint with what the agent sent, and who asks is for kas to say', async () => {
    await using world = await fresh();
    world.rails.trouble('modules', { kind: 'status', status: 201, json: { uuid: 'u' } });
    await answered(world, {
      method: 'PUT',
      urlPath: '/a b/ö',
      query: new Map([
        ['b', ['2', '1']],
        ['a', ['x y']],
      ]),
      headers: Object.entries({
        'Content-Type': 'application/json',
        'X-Own': 'one',
        'x-own': 'two',
        'User-Agent': 'agentk',
        Authorization: 'Bearer other',
        'gitlab-kas-api-request': 'forged',
        Connection: 'x-hop',
        'X-Hop': '1',
        'Gitlab-Agentk-Api-Request': 'other',
        'GITLAB-AGENT-API-REQUEST': 'other',
        Host: 'evil.test',
      }).flat(),
      body: chunks('{"a":', '1}'),
    });
    const [request] = world.rails.requests();
    expect(request?.method).toBe('PUT');
    expect(request?.target).toBe(`${path}/a%20b/%C3%B6?a=x+y&b=2&b=1`);
    expect(request?.json).toEqual({ a: 1 });
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer agent-token',
      'gitlab-agentk-api-request': 'agent-token',
      'gitlab-agent-api-request': 'agent-token',
      'user-agent': 'gitlab-kas/v16.5.0/abcdef12',
      'content-type': 'application/json',
      'x-own': 'one, two',
      host: `127.0.0.1:${world.rails.port}`,
    });
    expect(request?.headers['gitlab-kas-api-request']).toMatch(/^ey/);
    expect(request?.headers['x-hop']).toBeUndefined();
    expect(request?.rawHeaders.filter((name) => /^authorization$/i.test(name))).toHaveLength(1);
  });

  it.each([200, 201, 204, 302, 400, 402, 404, 406, 501])('answers %i as it is', async (status) => {
    await using world = await fresh();
    const headers = { ...json, 'X-Two': 'a', Connection: 'keep-alive', Location: '/elsewhere' };
    world.rails.trouble('modules', {
      kind: 'status',
      status,
      headers,
      text: status === 204 ? '' : '{"x":1}',
    });
    const answer = await answered(world);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers).toEqual(
      expect.arrayContaining(['Content-Type', 'application/json', 'X-Two', 'a']),
    );
    expect(answer.headers.map((name) => name.toLowerCase())).not.toContain('connection');
    expect(await textOf(answer)).toBe(status === 204 ? '' : '{"x":1}');
    expect(world.rails.requests()).toHaveLength(1);
  });

  it('is repeated with its body while GitLab is in trouble, and the last trouble is passed on', async () => {
    await using world = await fresh();
    const trouble = { kind: 'status', status: 502, json: { message: 'down' } } as const;
    world.rails.trouble('modules', trouble, { kind: 'cut' }, { kind: 'status', status: 200, json: {} });
    expect((await answered(world, { method: 'POST', body: chunks('ab', 'c') })).statusCode).toBe(200);
    expect(world.rails.requests().map(({ body }) => body.toString())).toEqual(['abc', 'abc', 'abc']);
    world.rails.trouble('modules', trouble, trouble, trouble, trouble, trouble);
    const last = await answered(world, { method: 'POST', body: chunks('x') });
    expect([last.statusCode, await textOf(last)]).toEqual([502, '{"message":"down"}']);
  });

  it('whose body is too large to keep is streamed, and sent once', async () => {
    await using world = await fresh();
    const mebibyte = Buffer.alloc(1024 * 1024, 'x');
    world.rails.trouble('modules', { kind: 'status', status: 503 });
    const answer = await answered(world, { method: 'POST', body: chunks(mebibyte, 'y', mebibyte, 'z') });
    expect(answer.statusCode).toBe(503);
    expect(world.rails.requests().map(({ body }) => body.length)).toEqual([2 * 1024 * 1024 + 2]);
    expect(world.rails.requests()[0]?.body.toString('utf8', 1024 * 1024 - 1, 1024 * 1024 + 2)).toBe('xyx');
  });

  it('whose body breaks off is not made, or not completed', async () => {
    await using world = await fresh();
    async function* breaking(first: Uint8Array): AsyncGenerator<Uint8Array> {
      yield first;
      throw new Error('the stream was cancelled');
    }
    const post = { ...module, method: 'POST' };
    const small = await world.gitlab.moduleRequest({ ...post, body: breaking(Buffer.from('a')) }, never);
    expect(small).toEqual({ kind: 'unavailable', reason: 'the request broke off: the stream was cancelled' });
    const large = breaking(Buffer.alloc(1024 * 1024 + 1));
    expect((await world.gitlab.moduleRequest({ ...post, body: large }, never)).kind).toBe('unavailable');
    expect(world.rails.requests()).toEqual([]);
  });

  it('that is cancelled while its body comes is over at once', async () => {
    await using world = await fresh();
    const caller = new AbortController();
    async function* stuck(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      caller.abort();
      await new Promise(() => {});
    }
    expect(await world.gitlab.moduleRequest({ ...module, body: stuck() }, caller.signal)).toEqual({
      kind: 'unavailable',
      reason: 'the request broke off: cancelled',
    });
  });

  it.each([
    ['/../agent_info'],
    ['/x/../../agent_info'],
    ['/x/..'],
    ['/./x'],
    ['/%2e%2e/agent_info'],
    ['/x%2f..%2f..%2fagent_info'],
    ['/..\\agent_info'],
    ['agent_info'],
    [''],
  ])('for the path %j does not leave its module', async (urlPath) => {
    await using world = await fresh();
    expect((await world.gitlab.moduleRequest({ ...module, urlPath }, never)).kind).toBe('unavailable');
    expect(world.rails.requests()).toEqual([]);
  });

  it.each([['..'], ['.'], [''], ['a/b'], ['../x'], ['a\\b'], ['x'.repeat(256)]])(
    'of a module called %j is not made',
    async (moduleName) => {
      await using world = await fresh();
      const result = await world.gitlab.moduleRequest({ ...module, moduleName }, never);
      expect(result).toEqual({ kind: 'unavailable', reason: 'invalid module name' });
    },
  );

  it('may have odd names and dots that do not climb', async () => {
    await using world = await fresh();
    await answered(world, { moduleName: 'a b?c', urlPath: '/x..y/v1.2?z' });
    expect(world.rails.requests()[0]?.target).toBe(
      '/api/v4/internal/kubernetes/modules/a%20b%3Fc/x..y/v1.2%3Fz',
    );
  });

  it('cannot switch protocols, nor have headers no request may have', async () => {
    await using world = await fresh();
    const upgrade = { ...module, headers: ['Upgrade', 'websocket', 'Connection', 'Upgrade'] };
    expect(await world.gitlab.moduleRequest(upgrade, never)).toEqual({
      kind: 'unavailable',
      reason: 'connection upgrade is not supported',
    });
    for (const headers of [
      ['X-A', 'b\r\nX-Evil: 1'],
      ['X A', 'b'],
    ]) {
      expect((await world.gitlab.moduleRequest({ ...module, headers }, never)).kind).toBe('unavailable');
    }
    expect(world.rails.requests()).toEqual([]);
  });
});

describe('the answer to a module', () => {
  it('is passed on as it comes, and GitLab waits for a slow reader', async () => {
    await using world = await fresh();
    let written = 0;
    let isFull = false;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    world.rails.handle('modules', (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, json);
      const more = (): void => {
        while (written < 2_000) {
          written += 1;
          if (!response.write(chunk)) return void ((isFull = true), response.once('drain', more));
        }
        response.end();
      };
      more();
    });
    const answer = await answered(world);
    const body = answer.body[Symbol.asyncIterator]();
    expect((await body.next()).done).toBe(false);
    await until(() => isFull);
    let before = -1;
    while (before !== written) {
      before = written;
      for (let n = 0; n < 50; n += 1) await turn();
    }
    expect(written).toBeLessThan(1_000); // 64 MiB would be in nobody's memory
    let bytes = 0;
    for (let next = await body.next(); next.done !== true; next = await body.next())
      bytes += next.value.length;
    expect(bytes).toBeGreaterThan(1_900 * chunk.length);
    expect(written).toBe(2_000);
  });

  it('that breaks off throws', async () => {
    await using world = await fresh();
    world.rails.trouble('modules', { kind: 'cutInBody' });
    await expect(textOf(await answered(world))).rejects.toThrow();
  });

  it('ends with the caller, before its head and after', async () => {
    await using world = await fresh();
    const caller = new AbortController();
    world.rails.trouble('modules', { kind: 'hangInBody' });
    const result = await world.gitlab.moduleRequest(module, caller.signal);
    if (result.kind !== 'ok') throw new Error(result.reason);
    const text = textOf(result.value);
    caller.abort();
    await expect(text).rejects.toThrow('cancelled');
  });

  it('that nobody reads to its end costs its connection only', async () => {
    await using world = await fresh();
    world.rails.trouble('modules', { kind: 'hangInBody' });
    for await (const _chunk of (await answered(world)).body) break;
    await until(async () => (await world.rails.connections()) === 0);
    expect((await answered(world)).statusCode).toBe(404);
  });
});
