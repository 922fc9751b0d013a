import { fromPromise } from 'xstate';
import { describe, expect, it } from 'vitest';
import { configWatchMachine, type Fetched, type Resolution } from '../../statecharts/index.ts';
import { PlayedChart } from '../agentk/charts/played-chart.ts';

type Step = { readonly watchId: string; readonly commitId: string };
type Outcome = Resolution | Fetched | Error | 'silence';
interface Script {
  readonly resolve?: readonly Outcome[];
  readonly fetch?: readonly Outcome[];
  readonly deliver?: readonly Outcome[];
}

/** A watch whose steps are answered from the script; the last answer of each repeats. */
function watch(script: Script) {
  const steps: string[] = [];
  const step = <R extends Resolution | Fetched>(name: keyof Script) => {
    let taken = 0;
    return fromPromise<R, Step>(async ({ input }) => {
      steps.push(`${name} ${input.commitId}`);
      const answers = script[name] ?? [];
      const answer = answers[Math.min(taken++, answers.length - 1)] ?? 'silence';
      if (answer === 'silence') return new Promise<never>(() => {});
      if (answer instanceof Error) throw answer;
      return answer as R;
    });
  };
  const machine = configWatchMachine.provide({
    actors: { resolve: step('resolve'), fetch: step('fetch'), deliver: step('deliver') },
  });
  const chart = new PlayedChart(machine, { watchId: 'w', commitId: 'c0', pollMs: 300_000 }, ['report']);
  return {
    chart,
    taken: () => steps.splice(0),
    advance: (ms: number) => chart.clock.advanceAsync(ms),
  };
}

const changed = (commitId: string): Resolution => ({ kind: 'changed', commitId });
const fetched: Fetched = { kind: 'fetched' };
const down: Fetched = { kind: 'unavailable', reason: 'down' };
const ending = { code: 9, message: 'Config: no' };
const ended: Fetched = { kind: 'ended', ending };
const okEnding = { kind: 'ended', ending: { code: 0, message: '' } };

describe('a configuration watch', () => {
  it('delivers a new commit and asks again after the poll period, from that commit', async () => {
    const { chart, taken, advance } = watch({
      resolve: [changed('c1'), { kind: 'unchanged' }, changed('c2')],
      fetch: [fetched],
      deliver: [fetched],
    });
    await advance(0);
    expect([taken(), chart.state]).toEqual([['resolve c0', 'fetch c1', 'deliver c1'], 'waiting']);
    await advance(299_999);
    expect(taken()).toEqual([]);
    await advance(1);
    expect(taken()).toEqual(['resolve c1']);
    chart.send({ type: 'push.noticed' });
    await advance(0);
    expect(taken()).toEqual(['resolve c1', 'fetch c2', 'deliver c2']);
  });

  it('reads again at once when a push came while it was reading, and once for many', async () => {
    const { chart, taken, advance } = watch({
      resolve: [{ kind: 'unchanged' }, changed('c1'), { kind: 'unchanged' }],
      fetch: [fetched],
      deliver: [fetched],
    });
    chart.send({ type: 'push.noticed' });
    chart.send({ type: 'push.noticed' });
    await advance(0);
    expect([taken(), chart.state]).toEqual([
      ['resolve c0', 'resolve c0', 'fetch c1', 'deliver c1'],
      'waiting',
    ]);
  });

  it.each(['fetching', 'delivering'])(
    'reads again at once when a push came while it was %s',
    async (state) => {
      const { chart, taken, advance } = watch({
        resolve: [changed('c1'), { kind: 'unchanged' }],
        fetch: [fetched],
        deliver: [fetched],
      });
      let pushed = false;
      chart.actor.subscribe(({ value }: { readonly value: unknown }) => {
        if (value !== state || pushed) return;
        pushed = true;
        chart.send({ type: 'push.noticed' });
      });
      await advance(0);
      expect([taken(), chart.state]).toEqual([
        ['resolve c0', 'fetch c1', 'deliver c1', 'resolve c1'],
        'waiting',
      ]);
    },
  );

  it('does not hurry a repository that cannot be read because of a push during the try', async () => {
    const { chart, taken, advance } = watch({ resolve: [down] });
    chart.send({ type: 'push.noticed' });
    await advance(0);
    expect([taken(), chart.state]).toEqual([['resolve c0'], 'backingOff']);
    chart.send({ type: 'push.noticed' });
    await advance(0);
    expect(taken()).toEqual(['resolve c0']);
  });

  it.each([{ kind: 'unchanged' }, { kind: 'empty' }] satisfies Resolution[])(
    'waits silently: %j',
    async (outcome) => {
      const { chart, taken, advance } = watch({ resolve: [outcome] });
      await advance(300_000);
      expect([taken(), chart.state, chart.take()]).toEqual([['resolve c0', 'resolve c0'], 'waiting', []]);
    },
  );

  it.each([
    ['resolve', { resolve: [ended] }],
    ['fetch', { resolve: [changed('c1')], fetch: [ended] }],
    ['deliver', { resolve: [changed('c1')], fetch: [fetched], deliver: [ended] }],
  ] satisfies [string, Script][])('ends with the status that %s gives', async (_name, script) => {
    const { chart, advance } = watch(script);
    await advance(0);
    expect(chart.output).toEqual({ kind: 'ended', ending });
    expect(chart.clock.pending).toBe(0);
  });

  it.each([
    ['resolve', { resolve: [down] }, 'down'],
    ['resolve', { resolve: [new Error('bug')] }, 'bug'],
    ['fetch', { resolve: [changed('c1')], fetch: [down] }, 'down'],
    ['fetch', { resolve: [changed('c1')], fetch: [new Error('bug')] }, 'bug'],
    ['deliver', { resolve: [changed('c1')], fetch: [fetched], deliver: [new Error('bug')] }, 'bug'],
    ['deliver', { resolve: [changed('c1')], fetch: [fetched], deliver: [down] }, 'down'],
  ] satisfies [string, Script, string][])(
    'reports a failing %s and begins anew from the commit it had (%#)',
    async (_name, script, reason) => {
      const { chart, taken, advance } = watch(script);
      await advance(0);
      expect([chart.state, chart.take()]).toEqual([
        'backingOff',
        [`report ${JSON.stringify({ watchId: 'w', reason })}`],
      ]);
      taken();
      await advance(9_999);
      expect(taken()).toEqual([]);
      await advance(1);
      expect(taken()[0]).toBe('resolve c0');
    },
  );

  it('backs off from 10 s to a minute, and from the start after a success', async () => {
    const failures = Array.from({ length: 6 }, () => down);
    const { chart, taken, advance } = watch({
      resolve: [...failures, changed('c1'), ...failures],
      fetch: [fetched],
      deliver: [fetched],
    });
    await advance(0);
    for (const ms of [10_000, 20_000, 40_000, 60_000, 60_000]) {
      taken();
      await advance(ms - 1);
      expect(taken()).toEqual([]);
      await advance(1);
      expect(taken()).toEqual(['resolve c0']);
    }
    await advance(60_000);
    expect(chart.state).toBe('waiting');
    await advance(300_000);
    expect(chart.state).toBe('backingOff');
    taken();
    await advance(10_000);
    expect(taken()).toEqual(['resolve c1']);
  });

  it('a push shortens the wait of a failure as well', async () => {
    const { chart, taken, advance } = watch({ resolve: [down, { kind: 'unchanged' }] });
    await advance(0);
    chart.send({ type: 'push.noticed' });
    await advance(0);
    expect([taken(), chart.state]).toEqual([['resolve c0', 'resolve c0'], 'waiting']);
  });

  it.each([
    [{ type: 'age.expired' }, okEnding],
    [{ type: 'stop.requested' }, okEnding],
    [{ type: 'call.closed', reason: 'cancelled' }, okEnding],
    [
      { type: 'session.refused', code: 16, message: 'unauthenticated' },
      { kind: 'ended', ending: { code: 16, message: 'unauthenticated' } },
    ],
  ])('%j ends it in every state', async (event, output) => {
    const scripts: Script[] = [
      { resolve: ['silence'] },
      { resolve: [changed('c1')], fetch: ['silence'] },
      { resolve: [changed('c1')], fetch: [fetched], deliver: ['silence'] },
      { resolve: [{ kind: 'unchanged' }] },
      { resolve: [down] },
    ];
    for (const script of scripts) {
      const { chart, advance } = watch(script);
      await advance(0);
      chart.send(event);
      expect(chart.output).toEqual(output);
      expect(chart.clock.pending).toBe(0);
    }
  });
});
