import { fromPromise } from 'xstate';
import { describe, expect, it } from 'vitest';
import { agentSessionMachine, type AgentVerdict } from '../../statecharts/index.ts';
import { PlayedChart } from '../agentk/charts/played-chart.ts';

const granted: AgentVerdict = { kind: 'granted', agentId: 7n, agentName: 'a', projectId: 1n };
const refused: AgentVerdict = { kind: 'refused', code: 16, reason: 'unauthenticated' };
const unavailable: AgentVerdict = { kind: 'unavailable', reason: 'down' };
type Script = (AgentVerdict | Error | 'silence')[];

/** A session whose questions are answered from the script; the last answer repeats. */
function session(...script: Script) {
  let asked = 0;
  const lookup = fromPromise<AgentVerdict, { readonly sessionId: string }>(async () => {
    const answer = script[Math.min(asked++, script.length - 1)] ?? 'silence';
    if (answer === 'silence') return new Promise<never>(() => {});
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const answers: string[] = [];
  const machine = agentSessionMachine.provide({
    actors: { lookup },
    actions: { answerCalls: (_, { verdict, attempt }) => answers.push(`${verdict.kind} ${attempt}`) },
  });
  const input = {
    sessionId: 's',
    peer: 'p',
    lookupBackoffMs: { init: 20, max: 5_000 },
    refreshMs: 240_000,
    lastCallMs: 5_000,
  };
  const chart = new PlayedChart(machine, input, ['announce', 'dismissCalls', 'farewell']);
  return {
    chart,
    take: () => answers.splice(0),
    asked: () => asked,
    settle: async () => {
      await chart.clock.settle();
      return chart;
    },
    region: (name: string) =>
      (chart.actor.getSnapshot().value as { registered?: Record<string, string> }).registered?.[name],
  };
}

const id = '{"sessionId":"s"}';
const farewell = `farewell ${id}`;

describe('authentication', () => {
  it('answers the calls that wait once GitLab knows the token', async () => {
    const { take, settle, region, chart } = session(granted);
    expect(take()).toEqual([]);
    await settle();
    expect([take(), region('identity'), region('tunnels')]).toEqual([['granted 0'], 'known', 'none']);
    expect(chart.actor.getSnapshot().context).toMatchObject({ agentId: 7n, agentName: 'a' });
  });

  it('ends with a farewell when GitLab refuses', async () => {
    const { chart, take, settle } = session(refused);
    await settle();
    expect([take(), chart.take()]).toEqual([['refused 0'], [farewell]]);
    expect(chart.output).toEqual({ kind: 'gone', agentId: undefined, reason: 'unauthenticated' });
    expect(chart.clock.pending).toBe(0);
  });

  it.each([
    ['cannot be asked', unavailable],
    ['is asked by code that throws', new Error('bug')],
  ])('asks again with growing pauses while GitLab %s', async (_name, failure) => {
    const { chart, take, asked, settle, region } = session(
      ...Array.from({ length: 12 }, () => failure),
      granted,
    );
    await settle();
    const pauses: number[] = [];
    for (let ms = 20; asked() < 13; ms = Math.min(ms * 2, 5_000)) {
      const before = asked();
      await chart.clock.advanceAsync(ms - 1);
      expect(asked()).toBe(before);
      await chart.clock.advanceAsync(1);
      expect(asked()).toBe(before + 1);
      pauses.push(ms);
    }
    expect(pauses.slice(0, 9)).toEqual([20, 40, 80, 160, 320, 640, 1280, 2560, 5_000]);
    expect(take()).toEqual([...Array.from({ length: 12 }, (_, i) => `unavailable ${i + 1}`), 'granted 0']);
    expect(region('identity')).toBe('known');
  });

  it.each(['authenticating', 'backingOff'])('%s gives up at once when asked to stop', async (state) => {
    const { chart, settle } = session(state === 'authenticating' ? 'silence' : unavailable);
    await settle();
    expect(chart.state).toBe(state);
    chart.send({ type: 'stop.requested' });
    expect([chart.take(), chart.output]).toEqual([
      [farewell],
      { kind: 'gone', agentId: undefined, reason: '' },
    ]);
    expect(chart.clock.pending).toBe(0);
  });

  it.each(['authenticating', 'backingOff'])(
    '%s keeps no call waiting when the connection goes away or stale',
    async (state) => {
      for (const change of ['draining', 'stale']) {
        const { chart, settle } = session(state === 'authenticating' ? 'silence' : unavailable);
        await settle();
        chart.send({ type: `connection.${change}` });
        expect([chart.state, chart.take()]).toEqual([change, [`dismissCalls ${id}`]]);
      }
    },
  );
});

async function registered(...later: Script) {
  const played = session(granted, ...later);
  await played.settle();
  played.take();
  return played;
}

describe('a recheck', () => {
  it('is one question however many ask', async () => {
    const { chart, asked, take, settle, region } = await registered(granted);
    for (let i = 0; i < 5; i++) chart.send({ type: 'recheck.requested' });
    expect(region('identity')).toBe('rechecking');
    await settle();
    expect([asked(), take(), region('identity')]).toEqual([2, ['granted 0'], 'known']);
  });

  it('ends the session when GitLab no longer accepts the token', async () => {
    const { chart, take, settle } = await registered(refused);
    chart.send({ type: 'recheck.requested' });
    await settle();
    expect([take(), chart.take()]).toEqual([['refused 0'], [farewell]]);
    expect(chart.output).toEqual({ kind: 'gone', agentId: 7n, reason: 'unauthenticated' });
  });

  it.each([
    ['cannot be asked', unavailable],
    ['is asked by code that throws', new Error('bug')],
  ])('is repeated until it is answered when GitLab %s, because calls wait', async (_name, failure) => {
    const { chart, take, settle, region } = await registered(failure, failure, granted);
    chart.send({ type: 'recheck.requested' });
    await settle();
    expect([take(), region('identity')]).toEqual([['unavailable 1'], 'doubted']);
    await chart.clock.advanceAsync(20);
    expect(take()).toEqual(['unavailable 2']);
    await chart.clock.advanceAsync(40);
    expect([take(), region('identity')]).toEqual([['granted 0'], 'known']);
    expect(chart.actor.getSnapshot().context.attempt).toBe(0);
  });

  it('leaves nobody waiting when the connection goes away meanwhile', async () => {
    const { chart } = await registered('silence');
    chart.send({ type: 'recheck.requested' }).send({ type: 'connection.draining' });
    expect([chart.state, chart.take()]).toEqual(['draining', [`dismissCalls ${id}`]]);
  });
});

describe('a registered session', () => {
  it('announces its pod, again when it is told anew, and refreshes by itself', async () => {
    const { chart, region } = await registered();
    chart.wait(300_000);
    expect([chart.take(), region('presence')]).toEqual([[], 'unannounced']);
    chart.send({ type: 'pod.announced' }).send({ type: 'pod.announced' });
    expect(chart.take()).toEqual([`announce ${id}`, `announce ${id}`]);
    chart.wait(239_999);
    expect(chart.take()).toEqual([]);
    chart.wait(1);
    expect(chart.take()).toEqual([`announce ${id}`]);
  });

  it('counts tunnels and watches', async () => {
    const { chart, region } = await registered();
    chart.send({ type: 'tunnels.changed', count: 2 }).send({ type: 'watches.changed', count: 1 });
    expect([region('tunnels'), region('configuration')]).toEqual(['available', 'watched']);
    expect(chart.actor.getSnapshot().context).toMatchObject({ tunnels: 2, watches: 1 });
    chart.send({ type: 'tunnels.changed', count: 0 }).send({ type: 'watches.changed', count: 0 });
    expect([region('tunnels'), region('configuration')]).toEqual(['none', 'unwatched']);
  });

  it('drains when asked to stop, and leaves when asked again', async () => {
    const { chart } = await registered();
    chart.send({ type: 'stop.requested' });
    expect([chart.state, chart.take()]).toEqual(['draining', [`dismissCalls ${id}`]]);
    chart.send({ type: 'stop.requested' });
    expect(chart.take()).toEqual([farewell]);
    expect(chart.output).toMatchObject({ kind: 'gone', agentId: 7n });
  });

  it('whose wire is stale leaves after the last call', async () => {
    const { chart } = await registered();
    chart.send({ type: 'connection.stale' });
    expect([chart.state, chart.take()]).toEqual(['stale', [`dismissCalls ${id}`]]);
    chart.wait(5_000);
    expect([chart.take(), chart.state]).toEqual([[farewell], 'gone']);
    expect(chart.clock.pending).toBe(0);
  });

  it('that drains stays as long as its connection, and becomes stale with it', async () => {
    const { chart } = await registered();
    chart.send({ type: 'connection.draining' }).wait(10_000_000);
    expect(chart.state).toBe('draining');
    chart.send({ type: 'connection.stale' });
    expect(chart.state).toBe('stale');
  });

  it('ends with its connection and tells why', async () => {
    const { chart } = await registered();
    chart.send({ type: 'connection.closed', reason: 'reset' });
    expect([chart.take(), chart.output]).toEqual([
      [farewell],
      { kind: 'gone', agentId: 7n, reason: 'reset' },
    ]);
    expect(chart.clock.pending).toBe(0);
  });
});

describe('what a session knows of itself', () => {
  it('counts its tunnels and watches, also down to none', async () => {
    const { chart, settle, region } = session(granted);
    await settle();
    for (const count of [2, 0, 1]) {
      chart.send({ type: 'tunnels.changed', count }).send({ type: 'watches.changed', count });
      expect(chart.actor.getSnapshot().context).toMatchObject({ tunnels: count, watches: count });
      expect([region('tunnels'), region('configuration')]).toEqual(
        count === 0 ? ['none', 'unwatched'] : ['available', 'watched'],
      );
    }
  });

  it('on a dead wire is gone at once when kas stops', async () => {
    const { chart, settle } = session(granted);
    await settle();
    chart.send({ type: 'connection.stale' }).send({ type: 'stop.requested' });
    expect(chart.state).toBe('gone');
  });
});
