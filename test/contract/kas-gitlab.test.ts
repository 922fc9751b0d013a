/** `spec/wire.md §11.1`: what an agent is told when GitLab, its repositories or Redis refuse, fail or are away. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeBareRepository } from '../../src/cli/demo/sample-repositories.ts';
import { runKas, type RunningKas } from '../../src/kas/index.ts';
import { FakeGitaly } from '../fakes/gitaly/fake-gitaly.ts';
import { FakeRails } from '../fakes/rails/index.ts';
import { startRedisServer, type RedisServer } from '../fakes/redis-server.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { turn, until } from '../kas/waiting.ts';
import { GoAgent, httpResponse, paths, statusAtEnd, up } from './go-agent.ts';
import type { PeerStream } from './peer.ts';
import { bytes, Fields, int, message } from './protobuf.ts';

const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: one }\n';
let folder: string;
let redis: RedisServer;
let gitaly: FakeGitaly;
let rails: FakeRails;
let clock: VirtualClock;
let kas: RunningKas;
let agent: GoAgent;

let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kastor-contract-'));
  await makeBareRepository(join(folder, 'repositories', '@hashed/7.git'), {
    '.gitlab/agents/prod/config.yaml': 'observability: { logging: { level: debug } }\n',
    'one.yaml': manifest,
  });
  redis = await startRedisServer({ unixSocket: true });
  gitaly = await FakeGitaly.start({
    storages: { default: join(folder, 'repositories') },
    token: 'gitaly-token',
    listen: `unix:${join(folder, 'gitaly.socket')}`,
  });
  clock = new VirtualClock(Date.now());
  rails = await FakeRails.start({ now: () => clock.now() });
  for (const project of rails.world.projects)
    project.gitaly = { address: gitaly.address, token: 'gitaly-token' };
  await writeFile(join(folder, 'secret'), rails.secret.toString('base64'));
  await writeFile(join(folder, 'private'), Buffer.alloc(32, 9).toString('base64'));
  const configurationFile = join(folder, 'kas.yaml');
  await writeFile(
    configurationFile,
    `gitlab: { address: "${rails.url}", authentication_secret_file: secret }
agent: { listen: { address: "127.0.0.1:0", listen_grace_period: "1s" }, info_cache_ttl: "0s", info_cache_error_ttl: "1s" }
observability: { listen: { address: "127.0.0.1:0" } }
redis: { network: unix, server: { address: "${redis.address}" } }
api: { listen: { address: "127.0.0.1:0", authentication_secret_file: secret, listen_grace_period: "1s" } }
private_api: { listen: { address: "127.0.0.1:0", authentication_secret_file: private, listen_grace_period: "1s" } }
`,
  );
  kas = await runKas({ configurationFile, clock, random: new SeededRandom(1), logLevel: 'error' });
});

/** A token of its own for each test: what GitLab says of tokens and projects is remembered by their first half. */
beforeEach(async () => {
  const token = `${++made}-agent-token`;
  rails.world.agents[0]?.tokens.add(token);
  agent = await GoAgent.dial(kas.ports.agents, token);
});
afterEach(() => agent.close());

afterAll(async () => {
  let ended = false;
  void kas.ended.then(() => (ended = true));
  kas.stop('test');
  kas.stop('test');
  while (!ended) {
    await clock.advanceAsync(100);
    await turn();
  }
  await rails.stop();
  await gitaly[Symbol.asyncDispose]();
  await redis.stop();
  await rm(folder, { recursive: true });
});

const plain = { 'grpc-encoding': undefined };
const allPaths = {
  ...paths,
  objects: '/gitlab.agent.gitops.rpc.Gitops/GetObjectsToSynchronize',
  flux: '/gitlab.agent.flux.rpc.GitLabFlux/ReconcileProjects',
  gitlab: '/gitlab.agent.gitlab_access.rpc.GitlabAccess/MakeRequest',
} as const;

const requests = {
  connect: up.descriptor(),
  configuration: int(3, 1),
  register: int(2, 1),
  objects: message(bytes(1, 'group/agents'), bytes(3, bytes(1, '*.yaml'))),
  flux: bytes(1, bytes(1, 'group/agents')),
} as const;
type Rpc = keyof typeof requests;
const rpcs = Object.keys(requests) as Rpc[];

function call(rpc: Rpc, request: Buffer = requests[rpc]): PeerStream {
  return agent.call(allPaths[rpc], plain).send(request, { end: rpc !== 'connect' });
}

/** Moves time on until it holds. */
async function passes(condition: () => boolean | Promise<boolean>): Promise<void> {
  await until(async () => {
    await clock.advanceAsync(50);
    return condition();
  });
}

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
    expect(await statusAtEnd(call(rpc))).toEqual([code, text]);
  });

  it.each([
    ['500', { kind: 'status', status: 500, json: {} }],
    ['HTML', { kind: 'html' }],
    ['503', { kind: 'status', status: 503, json: {} }],
  ] as const)(
    'that fails with %s ends Register with UNAVAILABLE, and nothing else',
    async (_name, trouble) => {
      rails.trouble('agent_info', trouble);
      expect(await statusAtEnd(call('register'))).toEqual([14, 'unavailable']);
      for (const rpc of ['connect', 'configuration', 'objects', 'flux'] as const) {
        const asked = rails.requests('agent_info').length;
        agent.close();
        agent = await GoAgent.dial(kas.ports.agents, agent.token);
        rails.trouble('agent_info', trouble);
        const stream = call(rpc);
        await passes(() => rails.requests('agent_info').length >= asked + 2);
        if (rpc === 'configuration' || rpc === 'objects')
          expect((await stream.next('headers')).headers).toBeDefined();
        else expect(stream.events.all).toEqual([]);
      }
    },
  );

  it('that outlives the deadline of its call ends it with DEADLINE_EXCEEDED', async () => {
    const asked = rails.requests('agent_info').length;
    rails.trouble('agent_info', { kind: 'hang' });
    const stream = agent.call(paths.register, { ...plain, 'grpc-timeout': '1S' });
    stream.send(requests.register, { end: true });
    await rails.arrived(asked + 1, 'agent_info');
    await clock.advanceAsync(1_000);
    expect(await statusAtEnd(stream)).toEqual([4, 'context deadline exceeded']);
  });
});

describe('GetConfiguration', () => {
  it('is the file of the repository', async () => {
    const answer = new Fields(await call('configuration').message());
    expect([answer.sub(1).int(4), answer.sub(1).int(5)]).toEqual([5n, 7n]);
    expect(answer.sub(1).sub(2).sub(1).int(1)).toBe(1n); // debug
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
    rails.trouble('project_info', { kind: 'status', status, json: {} });
    expect(await statusAtEnd(call('objects'))).toEqual([code, text]);
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
      /^GitOps: failed to get objects to synchronize: manifest file: /,
    ],
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
    const [got, said] = await statusAtEnd(call('objects', message(project, ...rest)));
    expect(said).toMatch(text);
    expect(got).toBe(code);
  });

  it('is header, objects and trailer, in this order, then OK', async () => {
    const stream = call('objects');
    const header = new Fields(await stream.message());
    expect([header.sub(1).text(1).length, header.sub(1).int(2)]).toEqual([40, 7n]);
    const object = new Fields(await stream.message());
    expect([object.sub(2).text(1), object.sub(2).text(2)]).toEqual(['one.yaml', manifest]);
    expect(new Fields(await stream.message()).has(3)).toBe(true);
    expect((await statusAtEnd(stream))[0]).toBe(0);
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
    await rm(join(folder, 'repositories', '@hashed/7.git', 'refs', 'heads', 'main'), { force: true });
    await writeFile(
      join(folder, 'repositories', '@hashed/7.git', 'refs', 'heads', 'other'),
      `${'1'.repeat(40)}\n`,
    );
    const [code, text] = await statusAtEnd(call('configuration'));
    expect([code, text]).toEqual([5, expect.stringMatching(/^Config: repository poll failed: /)]);
  });
});

describe('Register', () => {
  it('without Redis is UNAVAILABLE', async () => {
    expect((await statusAtEnd(call('register')))[0]).toBe(0);
    await redis.stop();
    const stream = call('register', int(2, 2));
    await passes(() => stream.events.all.length > 0);
    expect(await statusAtEnd(stream)).toEqual([14, 'Failed to register agent']);
  });
});
