/**
 * `spec/wire.md §2.14` to `§2.16`, `§9.3`, `§10`, `§11.4`, `§12`: the calls of agentk's modules, what they say, how answers are
 * read, and when they come back. The modules run without a cluster, on one connection to the scripted kas. Time is virtual.
 */
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNotifications } from '../../src/agentk/flux/notifications.actor.ts';
import type { ReceivedCommit } from '../../src/agentk/gitops/commit-slot.ts';
import { manifestProjectsOf } from '../../src/agentk/gitops/manifest-project.ts';
import { createManifestWatchLogic } from '../../src/agentk/gitops/manifest-watch.actor.ts';
import { ProjectWork } from '../../src/agentk/gitops/project-work.ts';
import { GitlabAccess } from '../../src/agentk/gitlab-access.ts';
import { createKasCaller } from '../../src/agentk/kas-caller.ts';
import { LinkBoard } from '../../src/agentk/link/index.ts';
import { createMetrics } from '../../src/host/index.ts';
import { AgentConfigurationSchema, decode } from '../../src/protocol/index.ts';
import { DynamicSupervisor, Registry } from '../../src/supervisor/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { silentLog } from '../gitlab/recording-log.ts';
import { until } from '../kas/waiting.ts';
import { errorCode } from './frames.ts';
import { httpResponse } from './go-agent.ts';
import { GoKas, type GoCall } from './go-kas.ts';
import { bytes, Fields, int, message, type Bytes } from './protobuf.ts';

const second = 1_000;
type Module = 'objects' | 'flux' | 'gitlab';

let kas: GoKas;
let session: ClientHttp2Session;
let board: LinkBoard;
let clock: VirtualClock;
let supervisor: DynamicSupervisor;
let standings: unknown[];

beforeEach(async () => {
  kas = await GoKas.start();
  session = connect(`http://127.0.0.1:${kas.port}`);
  session.on('error', () => {});
  await Promise.all([once(session, 'connect'), until(() => kas.connections.all.length === 1)]);
  clock = new VirtualClock();
  board = new LinkBoard();
  standings = [];
  board.onStanding = (_, standing) => standings.push(standing);
  board.announce({ incarnation: 1, session });
  const env = { clock, random: new SeededRandom(1), registry: new Registry(), report: () => {} };
  supervisor = new DynamicSupervisor({ id: 'calls', maxChildren: 1 }, env);
  await supervisor.start();
});
afterEach(async () => {
  await supervisor.stop('the test is over');
  session.destroy();
  kas.stop();
});

function deps() {
  const random = new SeededRandom(1);
  const { metrics } = createMetrics({ processMetrics: false });
  const caller = createKasCaller({
    token: 'agent-token',
    headers: new Map(),
    authority: 'kas',
    userAgent: 'agentk',
    clock,
    log: silentLog,
    metrics,
  });
  return { board, caller, clock, random, log: silentLog };
}

/** Watches the manifest project whose entry has these fields; answers the commits it received. */
function watchManifests(...entry: readonly Bytes[]): readonly ReceivedCommit[] {
  // AgentConfiguration {1 gitops {1 manifest_projects}}
  const configuration = bytes(1, bytes(1, message(bytes(1, 'group/manifests'), ...entry)));
  const found = manifestProjectsOf(decode(AgentConfigurationSchema, configuration), {
    holdsEmptiness: true,
    deletionsMax: Infinity,
  });
  const project = found.kind === 'projects' ? found.projects[0] : undefined;
  if (project === undefined) throw new Error('no manifest project');
  const received: ReceivedCommit[] = [];
  const idle = { run: () => new Promise<never>(() => {}), watchDrift: () => {} };
  const work = new (class extends ProjectWork {
    override received(commit: ReceivedCommit): void {
      received.push(commit);
    }
  })(project, idle);
  const logic = createManifestWatchLogic(deps(), () => work);
  supervisor.startChild({ id: 'watch', logic, input: { watchId: 'watch' }, restart: 'temporary' });
  return received;
}

/** Listens to pushes of one project; answers those it heard of. */
async function listenToPushes(): Promise<readonly string[]> {
  const heard: string[] = [];
  const projects = () => ['group/app', 'group/other'];
  const { logic } = createNotifications({ ...deps(), projects, onPush: (project) => heard.push(project) });
  supervisor.startChild({ id: 'pushes', logic, input: { streamId: 'pushes' }, restart: 'temporary' });
  await clock.advanceAsync(10 * second); // projects are gathered first
  return heard;
}

/** Lets what was sent arrive, either way. */
async function arrives(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) {
    await kas.heard();
    await clock.advanceAsync(0);
  }
  await new Promise<void>((resolve) => session.ping(() => resolve()));
  await kas.heard();
}

/** How long it takes until there is another call. */
async function again(module: Module, before: number, stepMs = 250): Promise<number> {
  const from = clock.monotonic();
  const { all } = kas.modules[module];
  await arrives();
  while (all.length <= before && clock.monotonic() - from < 700 * second) {
    await clock.advanceAsync(stepMs);
    await kas.heard();
  }
  if (all.length <= before) throw new Error(`${module} did not come again`);
  return clock.monotonic() - from;
}

async function nth(module: Module, count: number): Promise<GoCall> {
  await until(() => kas.modules[module].all.length >= count);
  const call = kas.modules[module].all[count - 1];
  if (call === undefined) throw new Error(`no call ${count} of ${module}`);
  return call;
}

const failures = {
  CANCELED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
  'a code nobody knows': 99,
} as const;

/** Members of ObjectsToSynchronizeResponse (`§2.14`). */
const objects = {
  header: (commit: string) => bytes(1, message(bytes(1, commit), int(2, 7))),
  object: (source: string, data: string) => bytes(2, message(bytes(1, source), bytes(2, data))),
  trailer: () => bytes(3),
} as const;

function wholeCommit(call: GoCall, commit: string): void {
  call.send(objects.header(commit)).send(objects.object('a.yaml', 'kind: A')).send(objects.trailer()).end();
}

describe('GetObjectsToSynchronize', () => {
  it('asks for a project by its path, in gzip and with the token; globs, no ref and no commit at first', async () => {
    watchManifests();
    const call = await nth('objects', 1);
    expect(call.compressed).toBe(true);
    expect(call.headers.get('authorization')).toBe('Bearer agent-token');
    const request = new Fields(await call.message());
    expect([request.text(1), request.text(2), request.has(4)]).toEqual(['group/manifests', '', false]);
    expect(request.all(3).map((path) => new Fields(path).text(1))).toEqual(['**/*.{yaml,yml,json}']);
  });

  it.each([
    ['tag', 1],
    ['branch', 2],
    ['commit', 3],
  ])('asks for a %s by its short name', async (_name, field) => {
    // ManifestProjectCF {5 paths {1 glob}, 12 ref}
    watchManifests(bytes(12, bytes(field, 'v1')));
    const request = new Fields(await (await nth('objects', 1)).message());
    expect(request.sub(4).text(field)).toBe('v1');
  });

  it('puts neighbours of one source together, and comes back at once with the commit', async () => {
    const received = watchManifests();
    const call = await nth('objects', 1);
    call.send(objects.header('abc'));
    for (const [source, data] of [
      ['a.yaml', 'one '],
      ['a.yaml', 'file'],
      ['b.yaml', ''],
    ] as const)
      call.send(objects.object(source, data));
    call.send(objects.trailer()).end();
    expect(await again('objects', 1)).toBe(0);
    expect(received).toHaveLength(1);
    expect(received[0]?.commitId).toBe('abc');
    expect(received[0]?.projectId).toBe(7n);
    expect(received[0]?.files.map(({ name, bytes: data }) => [name, String(data)])).toEqual([
      ['a.yaml', 'one file'],
      ['b.yaml', ''],
    ]);
    expect(new Fields(await (await nth('objects', 2)).message()).text(2)).toBe('abc');
  });

  it('of a commit that holds no objects is a commit', async () => {
    const received = watchManifests();
    (await nth('objects', 1)).send(objects.header('abc')).send(objects.trailer()).end();
    await again('objects', 1);
    expect(received).toMatchObject([{ commitId: 'abc', files: [] }]);
  });

  it('of one commit stops after the first success, not after a failure', async () => {
    const received = watchManifests(bytes(12, bytes(3, 'abc')));
    (await nth('objects', 1)).end(14, 'unavailable');
    expect(await again('objects', 1)).toBeGreaterThanOrEqual(10 * second);
    wholeCommit(await nth('objects', 2), 'abc');
    await expect(again('objects', 2, 10 * second)).rejects.toThrow('did not come again');
    expect(received).toHaveLength(1);
  });

  it('after OK without news comes back at once, with the same commit', async () => {
    watchManifests();
    await nth('objects', 1);
    await clock.advanceAsync(2 * second); // one that always ends at once is slowed down
    (await nth('objects', 1)).end(0);
    expect(await again('objects', 1)).toBe(0);
  });

  it.each(Object.entries(failures))('after %s comes back after 10 to 20 s', async (_name, code) => {
    const received = watchManifests();
    (await nth('objects', 1)).end(code, 'x');
    const ms = await again('objects', 1);
    expect(ms).toBeGreaterThanOrEqual(10 * second);
    expect(ms).toBeLessThanOrEqual(20 * second + 250);
    expect(received).toEqual([]);
    // What is said of a project is not said of the agent: the connection stays in use.
    expect(standings.filter((standing) => standing !== undefined)).toEqual([]);
  });

  it('is slower with each failure, up to 5 to 10 min, and begins anew after a success', async () => {
    watchManifests();
    let count = 1;
    for (const base of [10, 20, 40, 80, 160, 300, 300]) {
      (await nth('objects', count)).end(14, 'unavailable');
      const ms = await again('objects', count, second);
      expect(ms).toBeGreaterThanOrEqual(base * second);
      expect(ms).toBeLessThanOrEqual(2 * base * second + second);
      count += 1;
    }
    wholeCommit(await nth('objects', count), 'abc');
    await again('objects', count);
    (await nth('objects', count + 1)).end(14, 'unavailable');
    expect(await again('objects', count + 1)).toBeLessThanOrEqual(20 * second + 250);
  });

  it.each([
    ['begins with an object', [objects.object('a.yaml', 'kind: A'), objects.trailer()]],
    ['begins with the trailer', [objects.trailer()]],
    ['has two headers', [objects.header('abc'), objects.header('abc'), objects.trailer()]],
    [
      'goes on after the trailer',
      [objects.header('abc'), objects.trailer(), objects.object('a.yaml', 'kind: A')],
    ],
    ['ends without a trailer', [objects.header('abc'), objects.object('a.yaml', 'kind: A')]],
    ['ends after its header', [objects.header('abc')]],
    ['has a header without a commit', [bytes(1, int(2, 7)), objects.trailer()]],
    ['has an object without a source', [objects.header('abc'), bytes(2, bytes(2, 'x')), objects.trailer()]],
    ['has a message without a member', [objects.header('abc'), Buffer.alloc(0), objects.trailer()]],
    ['has a member nobody knows', [objects.header('abc'), bytes(9, 'x'), objects.trailer()]],
    ['has bytes that are no message', [objects.header('abc'), Buffer.from([0xff]), objects.trailer()]],
  ])('an answer that %s is no commit, and is asked for again after a back-off', async (_name, answer) => {
    const received = watchManifests();
    const call = await nth('objects', 1);
    await clock.advanceAsync(2 * second);
    for (const each of answer) call.send(each);
    call.end();
    expect(await again('objects', 1)).toBeGreaterThanOrEqual(10 * second);
    expect(received).toEqual([]);
  });

  it.each(Object.entries(errorCode))('RST_STREAM %s is a failure of one call', async (_name, code) => {
    const received = watchManifests();
    const call = await nth('objects', 1);
    call.send(objects.header('abc')).stream.reset(code);
    expect(await again('objects', 1)).toBeGreaterThanOrEqual(10 * second);
    expect(received).toEqual([]);
  });
});

describe('ReconcileProjects', () => {
  it('names its projects in gzip, and each answer is one push', async () => {
    const heard = await listenToPushes();
    const call = await nth('flux', 1);
    expect(call.compressed).toBe(true);
    const request = new Fields(await call.message());
    expect(request.all(1).map((project) => new Fields(project).text(1))).toEqual([
      'group/app',
      'group/other',
    ]);
    for (const path of ['group/app', 'group/app', 'group/other']) call.send(bytes(1, bytes(1, path)));
    await arrives();
    expect(heard).toEqual(['group/app', 'group/app', 'group/other']);
  });

  it('after OK comes back at once', async () => {
    await listenToPushes();
    const call = await nth('flux', 1);
    await clock.advanceAsync(2 * second);
    call.end(0);
    expect(await again('flux', 1)).toBe(0);
  });

  it.each(Object.entries(failures))('after %s comes back after 10 to 20 s', async (_name, code) => {
    await listenToPushes();
    (await nth('flux', 1)).end(code, 'x');
    const ms = await again('flux', 1);
    expect(ms).toBeGreaterThanOrEqual(10 * second);
    expect(ms).toBeLessThanOrEqual(20 * second + 250);
    expect(standings).toEqual([]);
  });

  it('is slower with each failure, up to 5 to 10 min, and begins anew when ten minutes were good', async () => {
    await listenToPushes();
    let count = 1;
    for (const base of [10, 20, 40, 80, 160, 300]) {
      (await nth('flux', count)).end(14, 'unavailable');
      const ms = await again('flux', count, second);
      expect(ms).toBeGreaterThanOrEqual(base * second);
      expect(ms).toBeLessThanOrEqual(2 * base * second + second);
      count += 1;
    }
    await clock.advanceAsync(601 * second);
    (await nth('flux', count)).end(14, 'unavailable');
    expect(await again('flux', count)).toBeLessThanOrEqual(20 * second + 250);
  });

  it.each([
    ['without a project', Buffer.alloc(0)],
    ['of a project without a path', bytes(1)],
  ])('an answer %s is refused, and asked again after a back-off', async (_name, answer) => {
    const heard = await listenToPushes();
    (await nth('flux', 1)).send(answer);
    expect(await again('flux', 1)).toBeGreaterThanOrEqual(10 * second);
    expect(heard).toEqual([]);
  });
});

describe('GitlabAccess.MakeRequest', () => {
  const ask = () => new GitlabAccess('remote_development', board, deps().caller).request({ path: '/x' });

  it('is header with the module, and trailer; the answer comes to the module', async () => {
    const asked = ask();
    const call = await nth('gitlab', 1);
    const header = new Fields(await call.message()).sub(1);
    expect([header.sub(1).text(1), header.sub(1).text(3)]).toEqual(['GET', '/x']);
    expect(header.sub(2).text(1)).toBe('type.googleapis.com/gitlab.agent.gitlab_access.rpc.HeaderExtra');
    expect(header.sub(2).sub(2).text(1)).toBe('remote_development');
    expect((await call.message()).toString('hex')).toBe('1a00');
    call.send(httpResponse.header(401)).send(httpResponse.data('no')).send(httpResponse.trailer()).end();
    expect(await asked).toMatchObject({ kind: 'answered', status: 401, body: Buffer.from('no') });
  });

  it.each(Object.entries(failures))(
    'returns %s to the module, and does not come back',
    async (_name, code) => {
      const asked = ask();
      (await nth('gitlab', 1)).end(code, 'said by kas');
      expect(await asked).toMatchObject({ kind: 'failed', status: { code: code === 99 ? 2 : code } });
      await clock.advanceAsync(600 * second);
      await arrives();
      expect(kas.modules.gitlab.all).toHaveLength(1);
      expect(standings).toEqual([]);
    },
  );

  it.each([
    ['data first', [httpResponse.data('x')], 3],
    ['no trailer', [httpResponse.header(200)], 3],
    ['an upgrade', [httpResponse.header(101), httpResponse.trailer(), httpResponse.upgradeData('x')], 13],
    ['no member', [Buffer.alloc(0)], 3],
  ] as const)('refuses an answer with %s', async (_name, answer, code) => {
    const asked = ask();
    const call = await nth('gitlab', 1);
    for (const each of answer) call.send(each);
    call.end();
    expect(await asked).toMatchObject({ kind: 'failed', status: { code } });
  });
});
