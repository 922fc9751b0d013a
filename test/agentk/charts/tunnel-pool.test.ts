import { expect, test } from 'vitest';
import { tunnelPoolDefaults, tunnelPoolDelays, tunnelPoolMachine } from '../../../statecharts/index.ts';
import { PlayedChart } from './played-chart.ts';

function pool(more: Partial<Record<keyof typeof tunnelPoolDefaults, number>> = {}): PlayedChart {
  return new PlayedChart(tunnelPoolMachine, { ...tunnelPoolDefaults, ...more }, [
    'openTunnels',
    'retireTunnel',
  ]);
}

function counts(chart: PlayedChart): readonly number[] {
  const { idle, busy } = chart.actor.getSnapshot().context as { idle: number; busy: number };
  return [idle, busy];
}

test('a pool begins with two idle tunnels', () => {
  const chart = pool();
  expect(chart.take()).toEqual(['openTunnels {"count":2}']);
  expect(counts(chart)).toEqual([2, 0]);
});

test('it grows by ten when a tunnel turns busy and fewer than two stay idle', () => {
  const chart = pool();
  chart.take();
  chart.send({ type: 'tunnel.busied' });
  expect(chart.take()).toEqual(['openTunnels {"count":10}']);
  expect(counts(chart)).toEqual([11, 1]);
  for (let more = 0; more < 9; more++) chart.send({ type: 'tunnel.busied' });
  expect(chart.take()).toEqual([]);
  chart.send({ type: 'tunnel.busied' });
  expect(chart.take()).toEqual(['openTunnels {"count":10}']);
});

test('it never grows above the maximum', () => {
  const chart = pool({ sizeMax: 15 });
  for (let times = 0; times < 15; times++) chart.send({ type: 'tunnel.busied' });
  expect(chart.take()).toEqual([
    'openTunnels {"count":2}',
    'openTunnels {"count":10}',
    'openTunnels {"count":3}',
  ]);
  expect(counts(chart)).toEqual([0, 15]);
});

test('it lets an offered tunnel go while more than two are idle', () => {
  const chart = pool();
  chart.send({ type: 'tunnel.busied' }).send({ type: 'tunnel.idled' });
  chart.take();
  for (let times = 0; times < 20; times++) chart.send({ type: 'tunnel.offered', tunnelId: `t${times}` });
  expect(chart.take()).toHaveLength(10);
  expect(counts(chart)).toEqual([2, 0]);
  chart.send({ type: 'tunnel.exited', busy: false, planned: true });
  expect(counts(chart)).toEqual([2, 0]);
});

test('it counts a tunnel back in that was given a request while it was let go', () => {
  const chart = pool();
  chart.send({ type: 'tunnel.busied' }).send({ type: 'tunnel.idled' });
  chart.send({ type: 'tunnel.offered', tunnelId: 't' });
  chart.send({ type: 'tunnel.busied' }).send({ type: 'tunnel.kept' });
  expect(counts(chart)).toEqual([11, 1]);
});

test('it replaces tunnels that died, but not in a loop', () => {
  const chart = pool();
  chart.take();
  chart.send({ type: 'tunnel.exited', busy: false, planned: false });
  chart.send({ type: 'tunnel.exited', busy: false, planned: false });
  expect(chart.take()).toEqual([]);
  chart.wait(tunnelPoolDelays.mendMs);
  expect(chart.take()).toEqual(['openTunnels {"count":2}']);
  expect(counts(chart)).toEqual([2, 0]);
});

test('a stop ends it', () => {
  expect(pool().send({ type: 'stop.requested' }).output).toEqual({ kind: 'stopped' });
});

test('it takes no notice of one that died while enough are idle, but counts it', () => {
  const chart = pool();
  chart.send({ type: 'tunnel.busied' });
  chart.take();
  chart.send({ type: 'tunnel.exited', busy: false, planned: false });
  expect([chart.state, counts(chart)]).toEqual(['steady', [10, 1]]);
  chart.send({ type: 'tunnel.exited', busy: true, planned: false });
  expect([chart.state, counts(chart), chart.clock.pending]).toEqual(['steady', [10, 0], 0]);
});
