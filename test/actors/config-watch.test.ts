/** What a watch makes of answers that contradict each other; the ordinary ones are in `test/kas/configuration-stream`. */
import type { ServerHttp2Session } from 'node:http2';
import { expect, it } from 'vitest';
import { AgentSession, type Admission } from '../../src/actors/agent-session.actor.ts';
import { ConfigWatches, ProjectPushes } from '../../src/actors/index.ts';
import { WaitingCalls } from '../../src/actors/waiting-calls.ts';
import type { CachedGitLab } from '../../src/gitlab/cache/index.ts';
import { memoryPushEvents } from '../../src/store/memory/index.ts';
import type { AgentInfo, FileContents, Git, GitLabResult, ResolvedRef } from '../../src/ports/index.ts';
import { DynamicSupervisor, Registry } from '../../src/supervisor/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';
import { FakeCall } from './fake-call.ts';

const agent: AgentInfo = {
  agentId: 7n,
  agentName: 'demo',
  projectId: 1n,
  defaultBranch: 'main',
  repository: { projectPath: 'demo/agents', location: { kind: 'local', gitDir: '/x' } },
};
const commit: ResolvedRef = { kind: 'commit', commitId: 'c1' };
const gone: ResolvedRef = { kind: 'notFound', reason: 'repository not found' };
const noFile: FileContents = { kind: 'notFound', reason: 'not found' };

async function watching(
  refs: readonly ResolvedRef[],
  files: readonly FileContents[],
  reports: readonly GitLabResult<undefined>[] = [{ kind: 'unavailable', reason: 'no GitLab' }],
) {
  const clock = new VirtualClock();
  const log = new RecordingLog();
  const supervisor = new DynamicSupervisor(
    { id: 'watches', maxChildren: 10 },
    { clock, random: new SeededRandom(1), registry: new Registry(), report: () => {} },
  );
  await supervisor.start();
  const [answers, contents, verdicts] = [[...refs], [...files], [...reports]];
  const reported: object[] = [];
  const last = <T>(list: T[]): T => {
    const [first] = list.length > 1 ? list.splice(0, 1) : list;
    if (first === undefined) throw new Error('no answer');
    return first;
  };
  const git: Partial<Git> = {
    resolveRef: async () => last(answers),
    readFile: async () => last(contents),
  };
  const gitlab: Partial<CachedGitLab> = {
    agentInfo: async () => ({ kind: 'ok', value: agent }),
    reportAgentConfiguration: async (_agentId, json) => {
      reported.push(json);
      return last(verdicts);
    },
  };
  const pushEvents = memoryPushEvents();
  const watches = new ConfigWatches({
    supervisor: () => supervisor,
    gitlab: gitlab as CachedGitLab,
    git: git as Git,
    pushes: new ProjectPushes({ pushEvents, log }),
    clock,
    random: { next: () => 0, int63: () => 0n },
    log,
    pollMs: 300_000,
    fileBytesMax: 1_000,
    gitlabExternalUrl: '',
  });
  const http2 = {} as ServerHttp2Session;
  let isOver = false;
  const changes: string[] = [];
  const session = new AgentSession({
    sessionId: 's',
    incarnation: 1,
    connection: {
      connectionId: 'c',
      http2,
      peer: '',
      members: new Set(),
      authenticated() {},
      undecided() {},
      memberChanged: () => void changes.push('changed'),
      get isOver() {
        return isOver;
      },
    },
    token: 't',
    waiting: new WaitingCalls<Admission>({ callsMax: 1 }),
    connectedAt: 0,
  });
  const call = new FakeCall('t', http2);
  watches.start(call.call, session, '');
  await clock.settle();
  const overFromNow = () => {
    isOver = true;
  };
  return { clock, log, call, watches, session, pushEvents, reported, overFromNow, changes };
}

it('a file that is not there at a commit that is, is an empty configuration', async () => {
  const { call, log } = await watching([commit], [noFile]);
  expect(call.written).toHaveLength(1);
  expect(log.text).toContain('GitLab did not take the report'); // and the stream goes on
  expect(call.ended).toBeUndefined();
  call.close();
});

it.each([
  ['whose repository is gone', gone],
  ['that has moved on', { kind: 'commit', commitId: 'c2' } satisfies ResolvedRef],
  ['that cannot be asked', { kind: 'unavailable', reason: 'down' } satisfies ResolvedRef],
])('a file that is not there on a branch %s says nothing: it is asked again', async (_name, second) => {
  const { clock, call, log } = await watching(
    [commit, second, commit],
    [noFile, { kind: 'file', bytes: Buffer.from('') }],
  );
  expect([call.written.length, call.ended]).toEqual([0, undefined]);
  expect(log.text).toContain('the repository changed while it was read');
  await clock.advanceAsync(10_000);
  expect(call.written).toHaveLength(1);
  call.close();
});

it('a stream that is admitted when the time of its connection is over ends with OK, and the connection may close', async () => {
  const { call, watches, session, overFromNow, changes } = await watching([commit], [noFile]);
  overFromNow();
  changes.length = 0;
  const late = new FakeCall('t', session.connection.http2);
  watches.start(late.call, session, '');
  expect(late.ended).toEqual({ code: 0, message: '' });
  expect(session.tenants.size).toBe(1);
  expect(changes).toEqual(['changed']);
  call.close();
});

it('a file GitLab could not be told of is reported again with each poll, until it could', async () => {
  const file: FileContents = { kind: 'file', bytes: Buffer.from('gitops: {}') };
  const down: GitLabResult<undefined> = { kind: 'unavailable', reason: 'down' };
  const taken: GitLabResult<undefined> = { kind: 'ok', value: undefined };
  const { clock, call, reported } = await watching([commit], [file], [down, down, taken]);
  expect(reported).toEqual([{ gitops: {} }]);
  for (let poll = 0; poll < 4; poll += 1) await clock.advanceAsync(300_000);
  expect(reported).toHaveLength(3);
  expect(call.written).toHaveLength(1);
  call.close();
});

it('a report of an agent that GitLab has deleted is no trouble and not repeated', async () => {
  const unknown: GitLabResult<undefined> = { kind: 'notFound', reason: 'agent not found' };
  const { clock, call, log, reported } = await watching([commit], [noFile], [unknown]);
  await clock.advanceAsync(600_000);
  expect(reported).toHaveLength(1);
  expect(log.lines.filter(({ level }) => level !== 'info').map(({ level }) => level)).toEqual(['debug']);
  expect(call.ended).toBeUndefined();
  call.close();
});

it('a stream that ends leaves nothing, whatever it waited for', async () => {
  const { clock, call, watches, session } = await watching([{ kind: 'empty' }], [noFile]);
  expect([watches.count, session.tenants.size]).toEqual([1, 1]);
  call.close();
  await clock.settle();
  expect([watches.count, session.tenants.size, clock.pending]).toEqual([0, 0, 0]);
});

it('a push to its project wakes a watch at once, one to another project does not', async () => {
  const { clock, call, pushEvents } = await watching([{ kind: 'empty' }, commit], [noFile]);
  await pushEvents.publish({ projectId: 2n, projectPath: 'demo/Agents' });
  await clock.settle();
  expect(call.written).toHaveLength(0);
  await pushEvents.publish({ projectId: 1n, projectPath: 'demo/agents' });
  await clock.settle();
  expect(call.written).toHaveLength(1);
  call.close();
});
