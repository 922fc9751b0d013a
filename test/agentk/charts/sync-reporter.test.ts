/** When agentk tells kas of its manifest projects. */
import { fromPromise } from 'xstate';
import { expect, test } from 'vitest';
import { syncReporterDelays, syncReporterMachine, type ReportOutcome } from '../../../statecharts/index.ts';
import { PlayedChart } from './played-chart.ts';

async function play(outcomes: (ReportOutcome | Promise<ReportOutcome>)[]) {
  const told: number[] = [];
  const report = fromPromise<ReportOutcome, { incarnation: number }>(async () => {
    told.push(chart.clock.monotonic());
    return outcomes.shift() ?? { kind: 'reported', more: false };
  });
  const chart = new PlayedChart(syncReporterMachine.provide({ actors: { report } }), { reporterId: 'r' }, [
    'awaitLink',
    'markAll',
    'reportCrash',
  ]);
  chart.send({ type: 'link.restored', incarnation: 1 });
  await chart.clock.settle();
  return { chart, told };
}

test('gathers changes for half a second, however many there are', async () => {
  const { chart, told } = await play([]);
  for (let elapsed = 0; elapsed < 10_000; elapsed += 10) {
    chart.send({ type: 'state.changed' });
    await chart.clock.advanceAsync(10);
  }
  await chart.clock.advanceAsync(10_000);
  expect(told.length).toBeGreaterThan(10);
  expect(told.length).toBeLessThanOrEqual(22);
  const gaps = told.slice(1).map((at, index) => at - (told[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(syncReporterDelays.gatherMs);
  expect(chart.state).toBe('upToDate');
});

test('tells what changed while a report was on its way', async () => {
  let finish: (outcome: ReportOutcome) => void = () => {};
  const { chart, told } = await play([new Promise((resolve) => (finish = resolve))]);
  chart.send({ type: 'state.changed' });
  finish({ kind: 'reported', more: false });
  await chart.clock.settle();
  expect(chart.state).toBe('gathering');
  await chart.clock.advanceAsync(500);
  expect([told.length, chart.state]).toEqual([2, 'upToDate']);
});

test('tells the rest when not all fitted into one message', async () => {
  const { chart, told } = await play([{ kind: 'reported', more: true }]);
  await chart.clock.advanceAsync(500);
  expect([told.length, chart.state]).toEqual([2, 'upToDate']);
});

test('leaves a kas in peace that does not know reports, and asks the next one', async () => {
  const { chart, told } = await play([{ kind: 'unimplemented' }]);
  chart.send({ type: 'state.changed' }).send({ type: 'link.restored', incarnation: 1 });
  await chart.clock.advanceAsync(86_400_000);
  expect([told.length, chart.state]).toEqual([1, 'unsupported']);
  chart.send({ type: 'link.restored', incarnation: 2 });
  await chart.clock.settle();
  expect([told.length, chart.state]).toEqual([2, 'upToDate']);
  expect(chart.take().filter((action) => action === 'markAll')).toHaveLength(2);
});

test('backs off when kas refuses, longer each time, and forgets that after a success', async () => {
  const no = { kind: 'failed', atMs: 0 } as const;
  const { chart, told } = await play([no, no]);
  expect(chart.state).toBe('backingOff');
  await chart.clock.advanceAsync(syncReporterDelays.backoffInitMs);
  expect(chart.state).toBe('waitingForLink');
  chart.send({ type: 'link.restored', incarnation: 1 });
  await chart.clock.advanceAsync(syncReporterDelays.backoffInitMs);
  expect(chart.state).toBe('backingOff');
  await chart.clock.advanceAsync(syncReporterDelays.backoffInitMs);
  chart.send({ type: 'link.restored', incarnation: 1 });
  await chart.clock.settle();
  expect([told.length, chart.state]).toEqual([3, 'upToDate']);
  expect(chart.actor.getSnapshot().context).toMatchObject({ failures: 0 });
});

test('begins anew on a newer connection, also in the middle of a report', async () => {
  const { chart, told } = await play([new Promise(() => {})]);
  chart.send({ type: 'link.restored', incarnation: 2 });
  await chart.clock.settle();
  expect([told.length, chart.state]).toEqual([2, 'upToDate']);
  expect(chart.send({ type: 'stop.requested' }).output).toEqual({ kind: 'stopped' });
});
