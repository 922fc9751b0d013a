/** `spec/wire.md §11.1`: what an agent is told when GitLab, its repositories or Redis refuse, fail or are away. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FakeRails } from '../fakes/rails/index.ts';
import { allPaths, call, GitLabWorld, plain, rpcs } from './gitlab-world.ts';
import { httpResponse, paths, statusAtEnd, type GoAgent } from './go-agent.ts';
import { bytes, Fields, int, message } from './protobuf.ts';

let world: GitLabWorld;
let rails: FakeRails;
let agent: GoAgent;

beforeAll(async () => {
  world = await GitLabWorld.start({});
  rails = world.rails;
});
beforeEach(async () => {
  agent = await world.agent();
});
afterEach(() => agent.close());
afterAll(() => world.stop());

describe('the lookup of an agent', () => {
  it.each(
    rpcs.flatMap((rpc) =>
      (
        [
          [401, 16, 'unauthenticated'],
          [403, 7, 'forbidden'],
          [404, 5, 'agent not found'],
        ] as const
      ).map(([status, code, text]) => ({ rpc, status, code, text })),
    ),
  )('that GitLab answers with $status ends $rpc with $text', async ({ rpc, status, code, text }) => {
    rails.trouble('agent_info', { kind: 'status', status, json: {} });
    expect(await statusAtEnd(call(agent, rpc))).toEqual([code, text]);
  });

  it.each([
    ['500', { kind: 'status', status: 500, json: {} }],
    ['HTML', { kind: 'html' }],
    ['503', { kind: 'status', status: 503, json: {} }],
  ] as const)(
    'that fails with %s ends Register with UNAVAILABLE, and nothing else',
    async (_name, trouble) => {
      rails.trouble('agent_info', trouble);
      expect(await statusAtEnd(call(agent, 'register'))).toEqual([14, 'unavailable']);
      for (const rpc of ['connect', 'configuration', 'objects', 'flux'] as const) {
        const asked = rails.requests('agent_info').length;
        agent.close();
        agent = await world.agent();
        rails.trouble('agent_info', trouble);
        const stream = call(agent, rpc);
        await world.passes(() => rails.requests('agent_info').length >= asked + 2);
        if (rpc === 'configuration' || rpc === 'objects')
          expect((await stream.next('headers')).headers).toBeDefined();
        else expect(stream.events.all).toEqual([]);
      }
    },
  );

  /** "No retry" is the policy for answers; a lost connection is the HTTP client's affair, as with the originals (RFC 9110 §9.2.2). */
  it('that is a question lost with its connection is asked once more, and only once', async () => {
    const count = () => rails.requests('agent_info').length;
    const before = count();
    rails.trouble('agent_info', { kind: 'cut' });
    expect((await statusAtEnd(call(agent, 'register')))[0]).toBe(0);
    expect(count() - before).toBe(2);
    rails.trouble('agent_info', { kind: 'cut' }, { kind: 'cut' });
    expect(await statusAtEnd(call(agent, 'register'))).toEqual([14, 'unavailable']);
    expect(count() - before).toBe(4);
  });

  it('that outlives the deadline of its call ends it with DEADLINE_EXCEEDED', async () => {
    const asked = rails.requests('agent_info').length;
    rails.trouble('agent_info', { kind: 'hang' });
    const stream = agent.call(paths.register, { ...plain, 'grpc-timeout': '1S' });
    stream.send(int(2, 1), { end: true });
    await rails.arrived(asked + 1, 'agent_info');
    await world.clock.advanceAsync(1_000);
    expect(await statusAtEnd(stream)).toEqual([4, 'context deadline exceeded']);
  });
});

describe('GetConfiguration', () => {
  it('is the file of the repository', async () => {
    const answer = new Fields(await call(agent, 'configuration').message());
    expect([answer.sub(1).int(4), answer.sub(1).int(5)]).toEqual([5n, 7n]);
    expect(answer.sub(1).sub(2).sub(1).int(1)).toBe(1n); // debug
  });
});

describe('GitlabAccess.MakeRequest', () => {
  /** Any{1 type_url, 2 value}: gitlab_access HeaderExtra{1 module_name}. */
  const extra = bytes(
    2,
    message(
      bytes(1, 'type.googleapis.com/gitlab.agent.gitlab_access.rpc.HeaderExtra'),
      bytes(2, bytes(1, 'remote_development')),
    ),
  );
  const header = bytes(1, message(bytes(1, message(bytes(1, 'GET'), bytes(3, '/x'))), extra));

  it('of an invalid token is an HTTP answer of GitLab, not a status', async () => {
    rails.handle('/modules/remote_development', ({ headers }, response) =>
      response.writeHead(headers.authorization === 'Bearer wrong' ? 401 : 200).end(),
    );
    const stream = agent.call(allPaths.gitlab, { ...plain, authorization: 'Bearer wrong' });
    stream.send(header).send(httpResponse.trailer(), { end: true });
    const answer = new Fields(await stream.message());
    expect(Number(answer.sub(1).sub(1).int(1))).toBe(401);
    expect((await statusAtEnd(stream))[0]).toBe(0);
  });

  it('in the wrong order is INVALID_ARGUMENT', async () => {
    const stream = agent.call(allPaths.gitlab, plain).send(httpResponse.trailer());
    expect(await statusAtEnd(stream)).toEqual([3, 'transition from -2 to 3 is not allowed. Allowed: [1]']);
  });
});

describe('GetConfiguration of a repository', () => {
  it('of a branch that does not exist is NOT_FOUND', async () => {
    await rm(join(world.folder, 'repositories', '@hashed/7.git', 'refs', 'heads', 'main'), { force: true });
    await writeFile(
      join(world.folder, 'repositories', '@hashed/7.git', 'refs', 'heads', 'other'),
      `${'1'.repeat(40)}\n`,
    );
    const [code, text] = await statusAtEnd(call(agent, 'configuration'));
    expect([code, text]).toEqual([5, expect.stringMatching(/^Config: repository poll failed: /)]);
  });
});

describe('Register', () => {
  it('without Redis is UNAVAILABLE', async () => {
    expect((await statusAtEnd(call(agent, 'register')))[0]).toBe(0);
    await world.redis.stop();
    const stream = call(agent, 'register', int(2, 2));
    await world.passes(() => stream.events.all.length > 0);
    expect(await statusAtEnd(stream)).toEqual([14, 'Failed to register agent']);
  });
});
