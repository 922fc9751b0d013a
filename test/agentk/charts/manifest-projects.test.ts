/** How changes of the configuration reach the manifest projects. */
import { fromPromise } from 'xstate';
import { expect, test } from 'vitest';
import { manifestProjectsDelays, manifestProjectsMachine } from '../../../statecharts/index.ts';
import { PlayedChart } from './played-chart.ts';

/** Changes that are carried out until they are ended by hand. */
function play() {
  const ends: { readonly done: () => void; readonly fail: () => void }[] = [];
  const signals: AbortSignal[] = [];
  const change = fromPromise<void>(({ signal }) => {
    signals.push(signal);
    return new Promise((resolve, reject) =>
      ends.push({ done: resolve, fail: () => reject(new Error('bug')) }),
    );
  });
  const machine = manifestProjectsMachine.provide({ actors: { change } });
  const chart = new PlayedChart(machine, undefined, ['reportFailure']);
  return { chart, ends, signals };
}
const changed = { type: 'projects.changed' };

test('what is wanted is looked at first, and after each change', async () => {
  const { chart, ends } = play();
  expect([chart.state, ends.length]).toEqual(['changing.newest', 1]);
  ends[0]?.done();
  await chart.clock.settle();
  expect(chart.state).toBe('settled');
  chart.send(changed);
  expect([chart.state, ends.length]).toEqual(['changing.newest', 2]);
});

test('changes that come during one are one more, when it has ended', async () => {
  const { chart, ends } = play();
  chart.send(changed).send(changed).send(changed);
  expect([chart.state, ends.length]).toEqual(['changing.outdated', 1]);
  ends[0]?.done();
  await chart.clock.settle();
  expect([chart.state, ends.length]).toEqual(['changing.newest', 2]);
  ends[1]?.done();
  await chart.clock.settle();
  expect([chart.state, ends.length]).toEqual(['settled', 2]);
});

test('one that fails is told and tried again, at once when something new is wanted', async () => {
  const { chart, ends } = play();
  ends[0]?.fail();
  await chart.clock.settle();
  expect([chart.state, chart.take()]).toEqual(['failed', ['reportFailure {"reason":"bug"}']]);
  chart.wait(manifestProjectsDelays.retryMs);
  expect([chart.state, ends.length]).toEqual(['changing.newest', 2]);
  ends[1]?.fail();
  await chart.clock.settle();
  chart.send(changed);
  expect([chart.state, ends.length]).toEqual(['changing.newest', 3]);
});

test('a stop ends it wherever it is, and tells the change under way', () => {
  const { chart, signals } = play();
  chart.send({ type: 'stop.requested' });
  expect([chart.output, signals[0]?.aborted]).toEqual([{ kind: 'stopped' }, true]);
});
