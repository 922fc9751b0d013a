import type { ServerHttp2Session } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentConnection } from '../../src/actors/agent-connection.actor.ts';
import type { Admission } from '../../src/actors/agent-session.actor.ts';
import { AgentSessions, type AgentConnections } from '../../src/actors/index.ts';
import { cachedGitLab } from '../../src/gitlab/cache/index.ts';
import { createMetrics } from '../../src/host/index.ts';
import type { AgentInfo, GitLab, GitLabResult, Store } from '../../src/ports/index.ts';
import { StatusCode } from '../../src/protocol/index.ts';
import { memoryStore } from '../../src/store/memory/index.ts';
import { DynamicSupervisor, Registry } from '../../src/supervisor/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';
import { FakeCall } from './fake-call.ts';

const info: AgentInfo = {
  agentId: 7n,
  agentName: 'demo',
  projectId: 1n,
  defaultBranch: 'main',
  repository: { projectPath: 'demo/agents', location: { kind: 'local', gitDir: '/x' } },
};
const known: GitLabResult<AgentInfo> = { kind: 'ok', value: info };
const down: GitLabResult<AgentInfo> = { kind: 'unavailable', reason: 'down' };
const refused: GitLabResult<AgentInfo> = { kind: 'unauthenticated', reason: 'no' };

class Stage {
  readonly clock = new VirtualClock();
  readonly log = new RecordingLog();
  readonly store: Store;
  readonly supervisor: DynamicSupervisor;
  readonly sessions: AgentSessions;
  readonly http2 = {} as ServerHttp2Session; // a key, no more
  readonly connection: AgentConnection;
  readonly told: string[] = [];
  answer: GitLabResult<AgentInfo> | Error = known;
  asked = 0;

  constructor(quota = 1_000) {
    const { clock, log } = this;
    const { metrics } = createMetrics({ processMetrics: false });
    this.store = memoryStore({ clock, metrics });
    this.supervisor = new DynamicSupervisor(
      { id: 'sessions', maxChildren: 10 },
      { clock, random: new SeededRandom(1), registry: new Registry(), report: () => {} },
    );
    const gitlab: Partial<GitLab> = {
      agentInfo: async () => {
        this.asked++;
        if (this.answer instanceof Error) throw this.answer;
        return this.answer;
      },
    };
    this.connection = {
      connectionId: 'connection:1',
      http2: this.http2,
      peer: '10.0.0.1:1',
      members: new Set(),
      authenticated: () => this.told.push('authenticated'),
      undecided: () => this.told.push('undecided'),
      memberChanged: () => {},
      isOver: false,
    };
    const connections: Pick<AgentConnections, 'of'> = {
      of: (http2) => (http2 === this.http2 ? this.connection : undefined),
    };
    this.sessions = new AgentSessions({
      supervisor: () => this.supervisor,
      connections: connections as AgentConnections,
      gitlab: cachedGitLab(gitlab as GitLab, {
        sharedErrors: this.store.sharedErrors,
        clock,
        log,
        metrics,
        ttls: { agentInfoMs: 300_000, agentInfoErrorMs: 60_000 },
      }),
      store: this.store,
      clock,
      random: new SeededRandom(1),
      log,
      metrics,
      registrationTtlMs: 300_000,
      refreshMs: 240_000,
      callsPerTokenPerMinuteMax: quota,
    });
  }

  /** A call that asks to be admitted; what it was told is in the list. */
  ask(patient: boolean, token: string | undefined = 'token') {
    const call = new FakeCall(token, this.http2);
    const answers: Admission[] = [];
    this.sessions.admit(call.call, patient, (admission) => answers.push(admission));
    return {
      call,
      answers,
      get told(): string {
        return answers
          .map((one) => (one.kind === 'admitted' ? 'admitted' : `${one.status.code} ${one.status.message}`))
          .join();
      },
    };
  }

  change(change: 'stale' | 'draining' | 'closed'): void {
    for (const member of this.connection.members) member.connectionChanged(change, 'test');
  }
}

let stage: Stage;
beforeEach(async () => {
  stage = new Stage();
  await stage.supervisor.start();
});
afterEach(async () => {
  stage.change('closed');
  await stage.clock.settle();
  expect([stage.sessions.count, stage.supervisor.count(), stage.connection.members.size]).toEqual([0, 0, 0]);
});

const leaving = `${StatusCode.Unavailable} kas is going away on this connection, open a new one`;

describe('admission', () => {
  it('asks GitLab once for calls that come together, and not again while it knows', async () => {
    const calls = [stage.ask(true), stage.ask(false), stage.ask(true)];
    await stage.clock.settle();
    expect(calls.map(({ told }) => told)).toEqual(['admitted', 'admitted', 'admitted']);
    const later = stage.ask(false);
    await stage.clock.settle();
    expect([later.told, stage.asked, stage.sessions.count]).toEqual(['admitted', 1, 1]);
    expect(stage.told).toEqual(['authenticated']);
  });

  it('is not given to a call that ended meanwhile', async () => {
    const gone = stage.ask(true);
    gone.call.close();
    const waiting = stage.ask(true);
    await stage.clock.settle();
    expect([gone.told, waiting.told]).toEqual(['', 'admitted']);
  });

  it('is refused with the words of the originals, and nothing of the session stays', async () => {
    for (const [answer, told] of [
      [refused, `${StatusCode.Unauthenticated} unauthenticated`],
      [{ kind: 'forbidden', reason: 'x' }, `${StatusCode.PermissionDenied} forbidden`],
      [{ kind: 'notFound', reason: 'x' }, `${StatusCode.NotFound} agent not found`],
    ] as const) {
      stage.answer = answer;
      const calls = [stage.ask(true, answer.kind), stage.ask(false, answer.kind)];
      await stage.clock.settle();
      expect(calls.map((call) => call.told)).toEqual([told, told]);
      expect(stage.sessions.count).toBe(0);
    }
  });

  it('is not refused because the store cannot count', async () => {
    stage.store.takeTokenQuota = () => Promise.reject(new Error('redis is down'));
    const call = stage.ask(true);
    await stage.clock.settle();
    expect(call.told).toBe('admitted');
    expect(stage.log.text).toContain('Failed to count calls of an agent token');
  });

  it('is refused beyond the quota without asking GitLab', async () => {
    stage.store.takeTokenQuota = () => Promise.resolve(false);
    const call = stage.ask(true);
    await stage.clock.settle();
    expect(call.told).toMatch(/^8 new connection rate limit exhausted/);
    expect([stage.asked, stage.sessions.count]).toEqual([0, 0]);
  });

  it('is refused when no more sessions may be', async () => {
    for (let i = 0; i < 10; i++) stage.ask(true, `token ${i}`);
    await stage.clock.settle();
    const call = stage.ask(true, 'one more');
    await stage.clock.settle();
    expect(call.told).toBe(`${StatusCode.Unavailable} no session can be opened for this agent now`);
    expect(stage.sessions.count).toBe(10);
  });

  it('never has a token in its log', async () => {
    stage.answer = refused;
    stage.ask(true, 'very-secret-token');
    await stage.clock.settle();
    expect(stage.log.text).not.toContain('very-secret');
  });
});

describe('while GitLab is down', () => {
  it.each([
    ['says so', down],
    ['throws', new Error('bug')],
  ])('(%s) streams wait and other calls are told; all are served when it is back', async (_name, answer) => {
    stage.answer = answer;
    const [stream, unary] = [stage.ask(true), stage.ask(false)];
    await stage.clock.settle();
    expect([stream.told, unary.told]).toEqual(['', `${StatusCode.Unavailable} unavailable`]);
    await stage.clock.advanceAsync(60_000);
    expect(stage.told.every((one) => one === 'undecided')).toBe(true);
    expect(stage.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    stage.answer = known;
    await stage.clock.advanceAsync(5_000);
    expect([stream.told, stage.told.at(-1)]).toEqual(['admitted', 'authenticated']);
  });

  it('sessions that asked together do not ask again together', async () => {
    stage.answer = down;
    for (const token of ['one', 'two', 'three', 'four']) stage.ask(true, token);
    await stage.clock.settle();
    const askedAt: number[] = [];
    for (let before = stage.asked; askedAt.length < 4; before = stage.asked) {
      await stage.clock.advanceAsync(0.5);
      for (let again = before; again < stage.asked; again++) askedAt.push(stage.clock.monotonic());
    }
    expect(new Set(askedAt).size).toBeGreaterThan(2);
  });

  it('an agent that is known already waits in the same way, nobody is forgotten', async () => {
    stage.ask(true);
    await stage.clock.settle();
    await stage.clock.advanceAsync(300_001); // GitLab's answer is too old now
    stage.answer = down;
    const stream = stage.ask(true);
    await stage.clock.advanceAsync(30_000);
    expect(stream.told).toBe('');
    stage.answer = known;
    await stage.clock.advanceAsync(5_000);
    expect(stream.told).toBe('admitted');
  });

  it('a connection that goes away keeps nobody: streams end with OK, other calls hear why', async () => {
    stage.answer = down;
    const stream = stage.ask(true);
    await stage.clock.settle();
    stage.change('draining');
    expect(stream.told).toBe('0 ');
    const [late, lateUnary] = [stage.ask(true), stage.ask(false)];
    await stage.clock.settle();
    expect([late.told, lateUnary.told]).toEqual(['0 ', leaving]);
  });
});

describe('the shared directory', () => {
  const pod = { podId: 5n, meta: undefined };

  async function announced() {
    const call = stage.ask(true);
    await stage.clock.settle();
    const [admission] = call.answers;
    if (admission?.kind !== 'admitted') throw new Error('not admitted');
    void admission.session.announce(pod);
    await stage.clock.settle();
    return admission.session;
  }

  it('has the agent while its connection lives, and refreshes the entry', async () => {
    await announced();
    expect(await stage.store.agentsById(7n)).toMatchObject([{ connectionId: 5n, projectId: 1n }]);
    await stage.clock.advanceAsync(1_000_000);
    expect(await stage.store.agentsById(7n)).toHaveLength(1);
    stage.change('closed');
    await stage.clock.settle();
    expect(await stage.store.agentsById(7n)).toEqual([]);
  });

  it('keeps the agent although GitLab refuses to answer or the store forgets', async () => {
    await announced();
    stage.answer = down;
    await stage.clock.advanceAsync(400_000);
    stage.ask(true);
    await stage.clock.advanceAsync(10_000);
    expect(await stage.store.agentsById(7n)).toHaveLength(1);
  });

  it('says whether the pod was written: Register is answered by that', async () => {
    const session = await announced();
    expect(await session.announce(pod)).toBe(true);
    const write = stage.store.registerAgent.bind(stage.store);
    stage.store.registerAgent = () => Promise.reject(new Error('no store'));
    expect(await session.announce(pod)).toBe(false);
    stage.store.registerAgent = write;
    expect(await session.announce(pod)).toBe(true);
    stage.change('draining');
    expect(await session.announce(pod)).toBe(false);
  });

  it('is not written over by the farewell of an older session', async () => {
    const old = await announced();
    const incarnation = old.incarnation + 1;
    await stage.store.registerAgent(
      {
        agentId: 7n,
        projectId: 1n,
        connectionId: 5n,
        connectedAt: 0,
        version: 'newer',
        commitId: '',
        podNamespace: '',
        podName: '',
        kubernetes: { major: '', minor: '', gitVersion: '', platform: '' },
        incarnation,
      },
      300_000,
    );
    stage.change('closed');
    await stage.clock.settle();
    expect(await stage.store.agentsById(7n)).toMatchObject([{ version: 'newer' }]);
  });
});

it('tenants of a refused session are told the refusal, those of a lost one to end', async () => {
  for (const [end, expected] of [
    ['refused', ['refused 16']],
    ['closed', ['expired']],
  ] as const) {
    const call = stage.ask(true, end);
    await stage.clock.settle();
    const [admission] = call.answers;
    if (admission?.kind !== 'admitted') throw new Error('not admitted');
    const told: string[] = [];
    admission.session.tenants.add('tenant', {
      expireIdle: () => told.push('expired'),
      refused: ({ code }) => told.push(`refused ${code}`),
    });
    if (end === 'closed') stage.change('closed');
    else {
      await stage.clock.advanceAsync(300_001);
      stage.answer = refused;
      stage.ask(true, end);
    }
    await stage.clock.settle();
    expect(told).toEqual(expected);
    stage.answer = known;
  }
});
