/** The life of a poller, question by question (`statecharts/repository-poller.ts`). */
import { fromPromise } from 'xstate';
import { describe, expect, it } from 'vitest';
import { repositoryPollerMachine, type Polled } from '../../statecharts/index.ts';
import { PlayedChart } from '../agentk/charts/played-chart.ts';

const pollMs = 20_000;
const commit: Polled = { kind: 'commit', commitId: 'abc' };
const down: Polled = { kind: 'unavailable', reason: 'down' };
type Script = readonly (Polled | Error | 'silence')[];

/** Its questions are answered from the script; the last answer repeats. */
async function poller(...script: Script) {
  let asked = 0;
  const answers: ((polled: Polled) => void)[] = [];
  const poll = fromPromise<Polled, { readonly pollerId: string }>(async () => {
    const answer = script[Math.min(asked++, script.length - 1)] ?? 'silence';
    if (answer === 'silence') return new Promise((resolve) => answers.push(resolve));
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const machine = repositoryPollerMachine.provide({ actors: { poll } });
  const chart = new PlayedChart(machine, { pollerId: 'p', pollMs }, ['tell', 'report']);
  await chart.clock.settle();
  return {
    chart,
    asked: () => asked,
    pass: (ms: number) => chart.clock.advanceAsync(ms),
    answer: async (polled: Polled) => {
      answers.shift()?.(polled);
      await chart.clock.settle();
    },
  };
}

const told = (polled: Polled) => `tell ${JSON.stringify({ pollerId: 'p', polled })}`;
const reported = (reason: string) => `report ${JSON.stringify({ pollerId: 'p', reason })}`;

describe('a poller', () => {
  it.each([commit, { kind: 'empty' }, { kind: 'missing', reason: 'no such ref' }] as const)(
    'tells what it was answered (%j), and asks again after its period',
    async (polled) => {
      const { chart, asked, pass } = await poller(polled);
      expect([chart.state, chart.take(), asked()]).toEqual(['waiting', [told(polled)], 1]);
      await pass(pollMs - 1);
      expect(asked()).toBe(1);
      await pass(1);
      expect(asked()).toBe(2);
    },
  );

  it('that cannot ask tells and reports it, and waits longer each time', async () => {
    const { chart, asked, pass } = await poller(down);
    expect([chart.state, chart.take()]).toEqual(['backingOff', [told(down), reported('down')]]);
    for (const waitMs of [10_000, 20_000, 40_000]) {
      const { length } = { length: asked() };
      await pass(waitMs - 1);
      expect(asked()).toBe(length);
      await pass(1);
      expect(asked()).toBe(length + 1);
    }
  });

  it('whose question crashes reports that, and waits', async () => {
    const { chart, asked, pass } = await poller(new Error('bug'));
    expect([chart.state, chart.take()]).toEqual(['backingOff', [reported('bug')]]);
    await pass(10_000);
    expect(asked()).toBe(2);
    await pass(19_999);
    expect(asked()).toBe(2);
    await pass(1);
    expect(asked()).toBe(3);
  });

  it('forgets its failures when it is answered', async () => {
    const { asked, pass } = await poller(down, down, commit, down, commit);
    await pass(10_000);
    await pass(20_000);
    await pass(pollMs);
    expect(asked()).toBe(4);
    await pass(10_000);
    expect(asked()).toBe(5);
  });

  it.each([
    ['waits', commit],
    ['backs off', down],
  ] as const)('that %s asks at once after a push', async (_, polled) => {
    const { chart, asked } = await poller(polled);
    chart.send({ type: 'push.noticed' });
    await chart.clock.settle();
    expect(asked()).toBe(2);
  });

  it('asks again right after when a push came while it asked, once', async () => {
    const { chart, asked, answer } = await poller('silence');
    chart.send({ type: 'push.noticed' });
    expect(asked()).toBe(1);
    await answer(commit);
    expect([chart.state, asked()]).toEqual(['polling', 2]);
    await answer(commit);
    expect([chart.state, asked()]).toEqual(['waiting', 2]);
  });

  it.each([
    ['waits', commit, pollMs],
    ['backs off', down, 10_000],
  ] as const)(
    'that %s and is not wanted any more ends at its next turn, not before',
    async (_, polled, ms) => {
      const { chart, asked, pass } = await poller(polled);
      chart.send({ type: 'listeners.changed', count: 0 });
      await pass(ms - 1);
      expect(chart.actor.getSnapshot().status).toBe('active');
      await pass(1);
      expect([chart.output, asked(), chart.clock.pending]).toEqual([{ kind: 'ended' }, 1, 0]);
    },
  );

  it('that is wanted again in time lives on', async () => {
    const { chart, asked, pass } = await poller(commit);
    chart.send({ type: 'listeners.changed', count: 0 }).send({ type: 'listeners.changed', count: 2 });
    await pass(pollMs);
    expect(asked()).toBe(2);
  });

  it.each([['silence'], [commit], [down]] as const)('ends when it is asked to (%j)', async (polled) => {
    const { chart } = await poller(polled);
    chart.send({ type: 'stop.requested' });
    expect([chart.output, chart.clock.pending]).toEqual([{ kind: 'ended' }, 0]);
  });
});
