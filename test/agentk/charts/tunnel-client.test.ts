import { describe, expect, test } from 'vitest';
import { tunnelClientDelays, tunnelClientMachine, type StreamVerdict } from '../../../statecharts/index.ts';
import { PlayedChart } from './played-chart.ts';

const recorded = [
  'awaitLink',
  'openStream',
  'halfCloseStream',
  'abortStream',
  'sealStream',
  'reportBusy',
  'reportIdle',
  'offerSurplus',
  'reportKept',
];

function tunnel(kasReuses = false): PlayedChart {
  const machine = tunnelClientMachine.provide({ guards: { kasReuses: () => kasReuses } });
  return new PlayedChart(machine, { tunnelId: 't' }, recorded);
}

function idle(kasReuses = false): PlayedChart {
  const chart = tunnel(kasReuses).send({ type: 'link.restored', incarnation: 1 });
  chart.take();
  return chart;
}

function ended(chart: PlayedChart, verdict: StreamVerdict, livedMs = 10_000): PlayedChart {
  const { stream } = chart.actor.getSnapshot().context as { stream: number };
  return chart.send({ type: 'stream.ended', stream, verdict, atMs: chart.clock.monotonic(), livedMs });
}

const names = (chart: PlayedChart) => chart.take().map((line) => line.split(' ')[0]);

test('a tunnel waits for the link, opens a stream on it and is idle', () => {
  const chart = tunnel();
  expect(chart.state).toBe('waitingForLink');
  chart.send({ type: 'link.restored', incarnation: 3 });
  expect(chart.state).toBe('idle');
  expect(chart.take().at(-1)).toBe('openStream {"tunnelId":"t","stream":1,"incarnation":3}');
});

describe('the end of a stream', () => {
  test.each<[StreamVerdict, string]>([
    ['again', 'waitingForLink'],
    ['served', 'waitingForLink'],
    ['lost', 'waitingForLink'],
    ['failed', 'backingOff'],
  ])('with verdict %s leads to %s', (verdict, state) => {
    expect(ended(idle(), verdict).state).toBe(state);
    expect(ended(idle().send({ type: 'request.arrived', stream: 1 }), verdict).state).toBe(state);
  });

  test('of an older stream moves nothing', () => {
    const chart = idle();
    const late = { verdict: 'failed', atMs: 0, livedMs: 0 };
    for (const event of ['stream.ended', 'request.arrived', 'request.finished']) {
      expect(chart.send({ type: event, stream: 0, ...late }).state).toBe('idle');
    }
  });

  test('offers the tunnel to the pool when it has not been busy for a minute', () => {
    expect(names(ended(idle(), 'again'))).toContain('offerSurplus');
    const chart = idle().wait(120_000).send({ type: 'request.arrived', stream: 1 });
    ended(chart, 'served').send({ type: 'link.restored', incarnation: 1 });
    chart.take();
    expect(names(ended(chart, 'again'))).not.toContain('offerSurplus');
    chart.send({ type: 'link.restored', incarnation: 1 }).wait(tunnelClientDelays.idleMsMax + 1);
    expect(names(ended(chart, 'again'))).toContain('offerSurplus');
  });

  test('right after its beginning, again and again, is a failure', () => {
    const chart = idle();
    for (let times = 0; times < tunnelClientDelays.hastyMax; times++) {
      expect(ended(chart, 'again', 5).state).toBe('waitingForLink');
      chart.send({ type: 'link.restored', incarnation: 1 });
    }
    expect(ended(chart, 'again', 5).state).toBe('backingOff');
  });
});

test('failures back off by 1.6 up to 20 s, and are forgotten after 25 s without one', () => {
  const chart = idle();
  const waits: number[] = [];
  const fail = () => {
    ended(chart, 'failed');
    const before = chart.clock.monotonic();
    while (chart.state === 'backingOff') chart.wait(20);
    chart.send({ type: 'link.restored', incarnation: 1 });
    waits.push(chart.clock.monotonic() - before);
  };
  for (let times = 0; times < 9; times++) fail();
  expect(waits.slice(0, 3)).toEqual([1_000, 1_600, 2_560]);
  expect(waits.at(-1)).toBe(20_000);
  chart.wait(tunnelClientDelays.backoffResetMs);
  fail();
  expect(waits.at(-1)).toBe(1_000);
});

describe('a tunnel that kas reuses', () => {
  test('goes back to idle on the same stream', () => {
    const chart = idle(true).send({ type: 'request.arrived', stream: 1 });
    expect(chart.state).toBe('busy');
    chart.send({ type: 'request.finished', stream: 1, atMs: 0 });
    expect(chart.state).toBe('idle');
    expect(names(chart)).toEqual(['reportBusy', 'reportIdle']);
  });

  test('offers itself after each minute of idleness and leaves when the pool lets it', () => {
    const chart = idle(true).wait(tunnelClientDelays.idleMsMax);
    expect(names(chart)).toEqual(['offerSurplus']);
    chart.wait(tunnelClientDelays.idleMsMax);
    expect(names(chart)).toEqual(['offerSurplus']);
    chart.send({ type: 'retire.requested' });
    expect([chart.state, names(chart)]).toEqual(['retiring', ['halfCloseStream']]);
    expect(ended(chart, 'again').output).toEqual({ kind: 'retired' });
  });

  test('gives up a leave that kas crosses with a request', () => {
    const chart = idle(true).send({ type: 'retire.requested' }).send({ type: 'request.arrived', stream: 1 });
    expect(chart.output).toEqual({ kind: 'retired' });
    expect(names(chart)).toContain('abortStream');
  });

  test('leaves at the latest after its deadline', () => {
    const chart = idle(true).send({ type: 'retire.requested' }).wait(tunnelClientDelays.retireMs);
    expect(chart.output).toEqual({ kind: 'retired' });
    expect(names(chart)).toContain('abortStream');
  });
});

test('a tunnel of a kas that does not reuse never leaves by itself', () => {
  const chart = idle(false).wait(10 * tunnelClientDelays.idleMsMax);
  expect([chart.state, names(chart)]).toEqual(['idle', []]);
});

describe('a stop', () => {
  test.each([
    ['waitingForLink', () => tunnel(), []],
    ['idle', () => idle(), ['abortStream']],
    ['backingOff', () => ended(idle(), 'failed'), []],
    ['retiring', () => idle().send({ type: 'retire.requested' }), ['abortStream']],
  ])('ends a tunnel in state %s at once', (state, make, actions) => {
    const chart = make();
    expect(chart.state).toBe(state);
    chart.take();
    chart.send({ type: 'stop.requested' });
    expect([chart.output, names(chart)]).toEqual([{ kind: 'stopped' }, actions]);
  });

  test.each(['request.finished', 'stream.ended'])('lets a request finish: %s', (type) => {
    const chart = idle().send({ type: 'request.arrived', stream: 1 }).send({ type: 'stop.requested' });
    expect([chart.state, names(chart)]).toEqual(['finishing', ['reportBusy', 'sealStream']]);
    chart.send({ type, stream: 1, atMs: 1, livedMs: 1, verdict: 'served' });
    expect(chart.output).toEqual({ kind: 'stopped' });
  });
});

describe('a tunnel in any state', () => {
  const busy = () => idle().send({ type: 'request.arrived', stream: 1 });
  const states = {
    busy,
    retiring: () => idle().send({ type: 'retire.requested' }),
    finishing: () => busy().send({ type: 'stop.requested' }),
  } as const;

  test.each(Object.keys(states) as (keyof typeof states)[])('%s is not moved by an older stream', (state) => {
    const chart = states[state]();
    chart.take();
    const late = { verdict: 'failed', atMs: 0, livedMs: 0 };
    for (const type of ['stream.ended', 'request.arrived', 'request.finished'])
      chart.send({ type, stream: 0, ...late });
    expect([chart.state, chart.take()]).toEqual([state, []]);
  });

  test('asks to be told of the link before it waits for it', () => {
    expect(tunnel().take()).toEqual(['awaitLink {"tunnelId":"t"}']);
    expect(names(ended(idle(), 'lost'))).toContain('awaitLink');
  });

  test.each(['waitingForLink', 'backingOff'] as const)('%s leaves at once when the pool lets it', (state) => {
    const chart = state === 'backingOff' ? ended(idle(), 'failed') : tunnel();
    expect(chart.state).toBe(state);
    expect(chart.send({ type: 'retire.requested' }).output).toEqual({ kind: 'retired' });
  });

  test('that has just been given a request stays, and says so', () => {
    const chart = busy();
    chart.take();
    chart.send({ type: 'retire.requested' });
    expect([chart.state, names(chart)]).toEqual(['busy', ['reportKept']]);
  });

  test('whose stream ends after it was busy a moment ago is opened again', () => {
    const chart = busy().send({ type: 'request.finished', stream: 1, atMs: 0 });
    chart.take();
    expect(ended(chart, 'again').state).toBe('waitingForLink');
    expect(names(chart)).toEqual(['awaitLink']);
  });

  test('that was busy counts ends right after the beginning like any other', () => {
    const chart = busy().send({ type: 'request.finished', stream: 1, atMs: 0 });
    for (let times = 0; times < tunnelClientDelays.hastyMax; times++) {
      expect(ended(chart, 'again', 5).state).toBe('waitingForLink');
      chart.send({ type: 'link.restored', incarnation: 1 });
    }
    expect(ended(chart, 'again', 5).state).toBe('backingOff');
  });

  test('whose request fails is idle for the pool, counts the failure, and remembers that it was busy', () => {
    const chart = busy();
    chart.take();
    expect(names(ended(chart, 'failed'))).toEqual(['reportIdle']);
    expect(chart.actor.getSnapshot().context).toMatchObject({ failures: 1, busyAtMs: 0 });
  });

  test('that finishes for a stop ends its stream after the request', () => {
    const chart = busy().send({ type: 'stop.requested' });
    expect(names(chart)).toContain('sealStream');
    chart.send({ type: 'request.finished', stream: 1, atMs: 0 });
    expect([chart.output, names(chart)]).toEqual([{ kind: 'stopped' }, ['abortStream']]);
  });
});
