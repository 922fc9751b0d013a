/** `spec/wire.md §2.14`, `§10`, `§11.1`: what kas sends of a manifest project, and what it says when it cannot; `§8`, `§15` with Redis. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../kas/waiting.ts';
import { call, GitLabWorld } from './gitlab-world.ts';
import { statusAtEnd, type GoAgent } from './go-agent.ts';
import { bytes, Fields, int, message } from './protobuf.ts';
import { vectors } from './vectors.ts';

const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: one }\n';
let world: GitLabWorld;
let agent: GoAgent;

beforeAll(async () => {
  const many = Array.from({ length: 1_001 }, (_, n) => [`many/${n}.txt`, ''] as const);
  world = await GitLabWorld.start(
    {
      'one.yaml': manifest,
      'large/big.txt': 'x'.repeat(5 * 1024 * 1024 + 1),
      ...Object.fromEntries(many),
    },
    1,
  );
});
beforeEach(async () => {
  agent = await world.agent();
});
afterEach(() => agent.close());
afterAll(() => world.stop());

const le8 = (id: number) => {
  const key = Buffer.alloc(8);
  key.writeBigInt64LE(BigInt(id));
  return key;
};
const key = (name: string, ...ends: readonly (Buffer | string)[]) =>
  Buffer.concat([Buffer.from(`gitlab-kas:${name}`), ...ends.map((end) => Buffer.from(end))]);
/** SHA-256 of a token's first half. */
const half = (token: string) =>
  createHash('sha256')
    .update(token.slice(0, Math.floor(token.length / 2)))
    .digest();
/** Any{1 type_url, 2 value}: GitPushEvent{1 project{1 id, 2 full_path}}. */
const push = (id: number, path: string) =>
  message(
    bytes(1, 'type.googleapis.com/gitlab.agent.event.GitPushEvent'),
    bytes(2, bytes(1, message(int(1, id), bytes(2, path)))),
  );

describe('§8, §15 Redis', () => {
  it('holds a registered agent under the keys and with the expiry of the vectors', async () => {
    expect((await statusAtEnd(call(agent, 'register')))[0]).toBe(0);
    const [connected] = await world.redis.hash(key('agent_tracker2:connected_agents'));
    expect(connected).toEqual(['5', vectors.expiringValue]);
    for (const name of [
      key('agent_tracker2:conn_by_agent_id:', le8(5)),
      key('agent_tracker2:conn_by_project_id:', le8(7)),
    ]) {
      const [[field, value] = ['', Buffer.alloc(0)]] = await world.redis.hash(name);
      const entry = new Fields(value);
      expect([field, entry.int(1), entry.sub(2).int(4)]).toEqual(['1', 1_700_000_000n, 5n]);
    }
    const minute = Buffer.of(new Date(world.clock.now()).getUTCMinutes());
    expect(await world.redis.text('GET', key('agent_limit:', half(agent.token), ':', minute))).toBe('1');
  });

  it('holds what GitLab refused, as Any', async () => {
    world.rails.trouble('agent_info', { kind: 'status', status: 403, json: {} });
    expect((await statusAtEnd(call(agent, 'register')))[0]).toBe(7);
    const name = key('agent_info_errs:', half(agent.token));
    await until(async () => (await world.redis.text('EXISTS', name)) === '1');
    const any = new Fields((await world.redis.command('GET', name)) as Buffer);
    expect(any.text(1)).toBe('type.googleapis.com/gitlab.agent.gitlab.ClientError');
    expect([any.sub(2).int(1), any.sub(2).text(2)]).toEqual([403n, '/api/v4/internal/kubernetes/agent_info']);
  });

  it("carries pushes as the vector says; one of another project is nobody's", async () => {
    expect(push(1, 'p')).toEqual(vectors.anyPushEvent);
    const stream = call(agent, 'flux');
    let heard: Buffer | undefined;
    void stream.message().then((payload) => (heard = payload));
    await world.passes(async () => {
      await world.redis.command('PUBLISH', 'kas_events', vectors.anyPushEvent);
      await world.redis.command('PUBLISH', 'kas_events', push(7, 'group/agents'));
      return heard !== undefined;
    });
    expect(new Fields(heard ?? Buffer.alloc(0)).sub(1).text(1)).toBe('group/agents');
  });
});

describe('GetObjectsToSynchronize', () => {
  const glob = (text: string) => bytes(3, bytes(1, text));
  const file = (text: string) => bytes(3, bytes(2, text));
  const project = bytes(1, 'group/agents');

  it.each([
    [401, 16, 'unauthenticated'],
    [403, 7, 'forbidden'],
    [404, 5, 'project not found'],
  ])('of a project that GitLab answers with %i is told so', async (status, code, text) => {
    world.rails.trouble('project_info', { kind: 'status', status, json: {} });
    expect(await statusAtEnd(call(agent, 'objects'))).toEqual([code, text]);
  });

  it.each([
    [
      'a branch that does not exist',
      [glob('*'), bytes(4, bytes(2, 'nope'))],
      5,
      /^GitOps: repository poll failed: /,
    ],
    [
      'a tag that does not exist',
      [glob('*'), bytes(4, bytes(1, 'nope'))],
      5,
      /^GitOps: repository poll failed: /,
    ],
    ['a bad glob', [glob('[')], 9, /^GitOps: failed to get objects to synchronize: manifest file: /],
    [
      'a file that does not exist',
      [file('no.yaml')],
      9,
      /^GitOps: failed to get objects to synchronize: manifest file: NotFound: TreeEntry: file\/directory\/ref not found: no\.yaml/,
    ],
    ['a folder', [file('many')], 9, /: UnexpectedTreeEntryType: TreeEntry: file is not a usual file: many/],
    [
      'a file above 5 MiB',
      [glob('large/*.txt')],
      9,
      /: FileTooBig: TreeEntry: file is too big: large\/big\.txt/,
    ],
    ['a file that two globs match', [glob('*.yaml'), glob('one*')], 9, /more than once: one\.yaml$/],
    ['more than a thousand files', [glob('many/*')], 9, /: maximum number of files limit reached: 1000$/],
    [
      'no path',
      [],
      3,
      /^invalid ObjectsToSynchronizeRequest\.Paths: value must contain at least 1 item\(s\)$/,
    ],
    ['an empty glob', [glob('')], 3, /Glob: value length must be at least 1 bytes$/],
    [
      'more than a hundred paths',
      Array.from({ length: 101 }, () => glob('*')),
      3,
      /^maximum number of GitOps paths per manifest project is 100, but 101 was requested$/,
    ],
  ] as const)('of %s is told so', async (_name, rest, code, text) => {
    const [got, said] = await statusAtEnd(call(agent, 'objects', message(project, ...rest)));
    expect(said).toMatch(text);
    expect(got).toBe(code);
  });

  it('is header, objects and trailer, in this order, then OK', async () => {
    const stream = call(agent, 'objects');
    const header = new Fields(await stream.message());
    expect([header.sub(1).text(1).length, header.sub(1).int(2)]).toEqual([40, 7n]);
    const object = new Fields(await stream.message());
    expect([object.sub(2).text(1), object.sub(2).text(2)]).toEqual(['one.yaml', manifest]);
    expect(new Fields(await stream.message()).has(3)).toBe(true);
    expect((await statusAtEnd(stream))[0]).toBe(0);
  });

  it('of what Gitaly calls an invalid argument is told so', async () => {
    world.gitaly.misbehave('GetTreeEntries', { kind: 'status', code: 3, message: 'bad path' });
    const [code, text] = await statusAtEnd(call(agent, 'objects', message(project, glob('none/*.yaml'))));
    world.gitaly.misbehave('GetTreeEntries', undefined);
    expect(code).toBe(9);
    expect(text).toMatch(
      /manifest file: InvalidArgument: GetTreeEntries: invalid argument: none: .*bad path$/,
    );
  });

  /** The original ends with UNAVAILABLE and is asked again by agentk; waiting in the stream costs neither a call nor its quota. */
  it('that cannot be read for now waits, and is sent when it can', async () => {
    world.gitaly.misbehave('TreeEntry', { kind: 'status', code: 14, message: 'overloaded' });
    const asked = () => world.gitaly.calls.filter(({ method }) => method === 'TreeEntry').length;
    const before = asked();
    const stream = call(agent, 'objects', message(project, file('one.yaml')));
    await world.passes(() => asked() > before + 1);
    world.gitaly.misbehave('TreeEntry', undefined);
    expect(stream.events.all.filter(({ kind }) => kind !== 'headers')).toEqual([]);
    let isOver = false;
    const ended = statusAtEnd(stream).finally(() => (isOver = true));
    await world.passes(() => isOver);
    expect((await ended)[0]).toBe(0);
  });

  it('whose project GitLab cannot tell of for now waits, and is sent when it can', async () => {
    world.rails.trouble('project_info', { kind: 'status', status: 500, json: {} }, { kind: 'html' });
    const stream = call(agent, 'objects');
    let isOver = false;
    const ended = statusAtEnd(stream).finally(() => (isOver = true));
    await world.passes(() => isOver);
    expect((await ended)[0]).toBe(0);
  });

  it('of the commit the agent has is silent', async () => {
    const header = new Fields(await call(agent, 'objects').message());
    const stream = call(agent, 'objects', message(project, bytes(2, header.sub(1).text(1)), glob('*.yaml')));
    agent.peer.ping();
    await agent.peer.pings.next();
    for (let steps = 0; steps < 100; steps++) await world.passes(() => true);
    expect(stream.events.all.filter(({ kind }) => kind !== 'headers')).toEqual([]);
  });
});
