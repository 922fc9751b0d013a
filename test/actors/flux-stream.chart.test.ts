import { fromPromise } from 'xstate';
import { describe, expect, it } from 'vitest';
import { fluxStreamMachine, type FluxPush, type FluxTold } from '../../statecharts/index.ts';
import { PlayedChart } from '../agentk/charts/played-chart.ts';

type Step = { readonly streamId: string; readonly push: FluxPush | undefined };
type Outcome = FluxTold | Error | 'silence';

/** A stream whose questions are answered from the script; the last answer repeats. */
function stream(answers: readonly Outcome[], queueMax = 3) {
  const asked: string[] = [];
  let taken = 0;
  const verifyAndTell = fromPromise<FluxTold, Step>(async ({ input: { push } }) => {
    asked.push(push?.projectPath ?? 'nothing');
    const answer = answers[Math.min(taken++, answers.length - 1)] ?? 'silence';
    if (answer === 'silence') return new Promise<never>(() => {});
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const machine = fluxStreamMachine.provide({ actors: { verifyAndTell } });
  const chart = new PlayedChart(machine, { streamId: 's', queueMax }, ['drop', 'report']);
  const push = (...paths: readonly string[]) => {
    for (const projectPath of paths)
      chart.send({ type: 'push.noticed', push: { projectId: 1n, projectPath } });
  };
  return { chart, push, asked: () => asked.splice(0), settle: () => chart.clock.advanceAsync(0) };
}

const told: FluxTold = { kind: 'told' };

describe('a stream of pushes', () => {
  it('checks and tells each push in the order they came', async () => {
    const { chart, push, asked, settle } = stream([told]);
    push('a', 'b', 'c');
    await settle();
    expect([asked(), chart.state]).toEqual([['a', 'b', 'c'], 'listening']);
  });

  it('tells once of a project that was pushed to again while it waited, and again of one being told', async () => {
    const { push, asked, settle } = stream([told]);
    push('a', 'b', 'b', 'a', 'a');
    await settle();
    expect(asked()).toEqual(['a', 'b', 'a']);
  });

  it('drops what comes when as many wait as may', async () => {
    const { chart, push, asked } = stream(['silence']);
    push('a', 'b', 'c', 'd', 'e');
    expect([asked(), chart.take()]).toEqual([['a'], ['drop {"streamId":"s"}', 'drop {"streamId":"s"}']]);
  });

  it.each<[string, Outcome, string[]]>([
    ['denied', { kind: 'denied' }, []],
    ['unavailable', { kind: 'unavailable', reason: 'down' }, ['report {"streamId":"s","reason":"down"}']],
    ['a bug', new Error('bug'), ['report {"streamId":"s","reason":"bug"}']],
  ])('goes on with the next after %s', async (_name, outcome, done) => {
    const { chart, push, asked, settle } = stream([outcome, told]);
    push('a', 'b');
    await settle();
    expect([asked(), chart.take(), chart.state]).toEqual([['a', 'b'], done, 'listening']);
  });

  it('waits for a reader that does not read', async () => {
    const { chart, push, asked, settle } = stream([{ kind: 'full' }, told]);
    push('a', 'b');
    await settle();
    push('c', 'd', 'e');
    expect([asked(), chart.state, chart.take()]).toEqual([['a'], 'held', ['drop {"streamId":"s"}']]);
    chart.send({ type: 'stream.drained' });
    await settle();
    expect([asked(), chart.state]).toEqual([['b', 'c', 'd'], 'listening']);
  });

  it.each(['call.closed', 'age.expired', 'stop.requested'])(
    'ends with OK by %s wherever it is',
    async (type) => {
      for (const outcome of ['silence', { kind: 'full' }, told] as const) {
        const { chart, push, settle } = stream([outcome]);
        push('a');
        await settle();
        chart.send({ type, reason: 'x' });
        expect(chart.output).toEqual({ kind: 'ended', ending: { code: 0, message: '' } });
      }
    },
  );

  it('ends with the refusal of its session', () => {
    const { chart } = stream([told]);
    chart.send({ type: 'session.refused', code: 16, message: 'unauthenticated' });
    expect(chart.output).toEqual({ kind: 'ended', ending: { code: 16, message: 'unauthenticated' } });
  });
});
