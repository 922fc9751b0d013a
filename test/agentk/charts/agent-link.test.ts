import { fromCallback } from 'xstate';
import { describe, expect, test } from 'vitest';
import {
  agentLinkDelays,
  agentLinkMachine,
  linkBackoffMs,
  linkRefusedMs,
} from '../../../statecharts/index.ts';
import { PlayedChart } from './played-chart.ts';

const recorded = [
  'dial',
  'announce',
  'withdraw',
  'retire',
  'drop',
  'ping',
  'pingRetired',
  'dropSilentRetired',
];
const reports = ['reportLoss', 'reportRedirect', 'reportRefusal', 'reportAcceptance'];

function link(startDelayMs = 0): PlayedChart {
  return new PlayedChart(agentLinkMachine, { startDelayMs }, [...recorded, ...reports]);
}

function session(chart: PlayedChart): string {
  const value = chart.actor.getSnapshot().value as { running: { session: string | object } } | string;
  if (typeof value === 'string') return value;
  const { session: inner } = value.running;
  if (typeof inner === 'string') return inner;
  const [name = '', below] = Object.entries(inner)[0] ?? [];
  return name === 'connecting' ? String(below) : name;
}

function retired(chart: PlayedChart): string {
  return (chart.actor.getSnapshot().value as { running: { retired: string } }).running.retired;
}

/** Brings the link up and forgets what that took. */
function connected(incarnation = 1, chart = link()): PlayedChart {
  chart.wait(0);
  chart.send({ type: 'http2.begun', incarnation }).send({ type: 'settings.received', incarnation });
  expect(session(chart)).toBe('connected');
  chart.take();
  return chart;
}

function proven(): PlayedChart {
  const chart = connected().wait(agentLinkDelays.provenMs);
  chart.take();
  return chart;
}

describe('dialling', () => {
  test('the first dial waits for the start delay', () => {
    const chart = link(1_500);
    chart.wait(1_499);
    expect(chart.take()).toEqual([]);
    chart.wait(1);
    expect(chart.take()).toEqual(['dial {"incarnation":1}']);
  });

  test.each([
    ['a dial', [], agentLinkDelays.dialMs, 'tcp'],
    ['a proxy', ['proxy.begun'], agentLinkDelays.proxyMs, 'proxy'],
    ['a TLS handshake', ['tls.begun'], agentLinkDelays.tlsMs, 'tls'],
    ['a TLS handshake through a proxy', ['proxy.begun', 'tls.begun'], agentLinkDelays.tlsMs, 'tls'],
    ['an upgrade', ['upgrade.begun'], agentLinkDelays.upgradeMs, 'upgrade'],
    ['an upgrade over TLS', ['tls.begun', 'upgrade.begun'], agentLinkDelays.upgradeMs, 'upgrade'],
    ['HTTP/2', ['http2.begun'], agentLinkDelays.handshakeMs, 'http2'],
    [
      'HTTP/2 at the end of the whole ladder',
      ['proxy.begun', 'tls.begun', 'upgrade.begun', 'http2.begun'],
      agentLinkDelays.handshakeMs,
      'http2',
    ],
  ])('%s that hangs is cut at its deadline and tried again', (_, events, deadlineMs, at) => {
    const chart = link().wait(0);
    for (const type of events) chart.wait(100).send({ type, incarnation: 1 });
    chart.take();
    chart.wait(deadlineMs - 1);
    expect(chart.take()).toEqual([]);
    chart.wait(1);
    expect(chart.take()).toEqual([`drop ${JSON.stringify({ incarnation: 1, at })}`]);
    expect(session(chart)).toBe('backingOff');
    chart.wait(agentLinkDelays.backoffInitMs);
    expect(chart.take()).toEqual(['dial {"incarnation":2}']);
  });

  test('a ladder that is climbed again for a redirect has the time of its upgrade', () => {
    const chart = link().wait(0);
    for (const type of ['tls.begun', 'upgrade.begun', 'tls.begun', 'upgrade.begun']) {
      chart.wait(agentLinkDelays.upgradeMs / 4).send({ type, incarnation: 1 });
    }
    expect(session(chart)).toBe('upgrading');
    chart.take();
    chart.send({ type: 'upgrade.redirected', incarnation: 1, to: 'wss://kas/agent/' });
    expect(chart.take()).toEqual(['reportRedirect {"incarnation":1,"to":"wss://kas/agent/"}']);
    chart.wait(agentLinkDelays.upgradeMs / 2);
    expect(session(chart)).toBe('backingOff');
  });

  test('failures back off by 1.6 up to two minutes', () => {
    const chart = link().wait(0);
    const waits: number[] = [];
    for (let incarnation = 1; incarnation <= 14; incarnation++) {
      chart.send({ type: 'connection.closed', incarnation, reason: 'refused' });
      const before = chart.clock.monotonic();
      while (session(chart) === 'backingOff') chart.wait(100);
      waits.push(Math.round((chart.clock.monotonic() - before) / 100) * 100);
    }
    expect(waits.slice(0, 4)).toEqual([1_000, 1_600, 2_600, 4_100]);
    expect(waits.at(-1)).toBe(120_000);
  });

  test('what is told of an older connection moves nothing', () => {
    const chart = link().wait(0);
    chart.send({ type: 'connection.closed', incarnation: 1, reason: 'refused' }).wait(1_000);
    expect(session(chart)).toBe('dialing');
    for (const type of ['http2.begun', 'connection.closed', 'settings.received']) {
      chart.send({ type, incarnation: 1, reason: 'late' });
      expect(session(chart)).toBe('dialing');
    }
    chart.send({ type: 'http2.begun', incarnation: 2 });
    expect(session(chart)).toBe('handshaking');
    chart.send({ type: 'settings.received', incarnation: 1 });
    expect(session(chart)).toBe('handshaking');
  });
});

describe('a connection that is up', () => {
  test('is announced when the settings arrive and withdrawn when it is lost', () => {
    const chart = link().wait(0);
    chart.send({ type: 'http2.begun', incarnation: 1 });
    chart.take();
    chart.send({ type: 'settings.received', incarnation: 1 });
    expect(chart.take()).toEqual(['announce {"incarnation":1}']);
    chart.send({ type: 'connection.closed', incarnation: 1, reason: 'reset', remedy: 'mend' });
    expect(chart.take()).toEqual([
      'withdraw {"incarnation":1}',
      'reportLoss {"incarnation":1,"reason":"reset","remedy":"mend"}',
    ]);
    expect(session(chart)).toBe('backingOff');
  });

  test('is pinged every 55 s and cut when an answer takes longer than 20 s', () => {
    const chart = connected();
    chart.wait(agentLinkDelays.pingMs);
    expect(chart.take()).toEqual(['ping {"incarnation":1}']);
    chart.wait(agentLinkDelays.pingAckMs - 1).send({ type: 'ping.acknowledged', incarnation: 1 });
    chart.wait(agentLinkDelays.pingMs);
    expect(chart.take()).toEqual(['ping {"incarnation":1}']);
    chart.send({ type: 'ping.acknowledged', incarnation: 7 }).wait(agentLinkDelays.pingAckMs);
    expect(chart.take()).toEqual(['withdraw {"incarnation":1}', 'drop {"incarnation":1,"at":"keepalive"}']);
    expect(session(chart)).toBe('backingOff');
  });

  test('forgives earlier failures only when it has been up for long enough', () => {
    const chart = link().wait(0);
    chart.send({ type: 'connection.closed', incarnation: 1, reason: 'refused' }).wait(1_000);
    chart.send({ type: 'http2.begun', incarnation: 2 }).send({ type: 'settings.received', incarnation: 2 });
    chart.wait(agentLinkDelays.provenMs - 1);
    chart.send({ type: 'connection.closed', incarnation: 2, reason: 'reset' }).wait(1_599);
    expect(session(chart)).toBe('backingOff');
    chart.wait(1);
    expect(session(chart)).toBe('dialing');

    const good = proven().send({ type: 'connection.closed', incarnation: 1, reason: 'reset' });
    good.wait(1_000);
    expect(session(good)).toBe('dialing');
  });
});

describe('going away', () => {
  test('a proven connection is retired and the next one dialled at once', () => {
    const chart = proven().send({ type: 'goaway.received', incarnation: 1 });
    expect(chart.take()).toEqual([
      'withdraw {"incarnation":1}',
      'retire {"incarnation":1}',
      'dial {"incarnation":2}',
    ]);
    expect(retired(chart)).toBe('draining');
    chart.send({ type: 'retired.emptied' });
    expect(retired(chart)).toBe('none');
  });

  test('a kas that sends every connection away is not hammered', () => {
    const chart = connected().send({ type: 'goaway.received', incarnation: 1 });
    expect(session(chart)).toBe('backingOff');
  });

  test('a kas that sends every connection away soon, but in good order, is dialled again soon', () => {
    const chart = connected();
    for (let incarnation = 1; incarnation <= 20; incarnation++) {
      chart.send({ type: 'goaway.received', incarnation }).wait(linkBackoffMs(agentLinkDelays.sentAwayMax));
      connected(incarnation + 1, chart);
      expect(session(chart)).toBe('connected');
    }
  });

  test('old connections are pinged too, and the silent ones cut', () => {
    const chart = proven().send({ type: 'goaway.received', incarnation: 1 });
    chart.send({ type: 'http2.begun', incarnation: 2 }).send({ type: 'settings.received', incarnation: 2 });
    chart.take();
    chart.wait(agentLinkDelays.pingMs);
    expect(chart.take()).toContain('pingRetired');
    chart.send({ type: 'ping.acknowledged', incarnation: 2 }).wait(agentLinkDelays.pingAckMs);
    expect(chart.take()).toEqual(['dropSilentRetired']);
    expect(retired(chart)).toBe('draining');
    expect(session(chart)).toBe('connected');
  });
});

describe('a refusal', () => {
  const refused = { type: 'call.refused', incarnation: 1, code: 16, message: 'unauthenticated' } as const;

  test('is waited out for long, ever longer, and never given up', () => {
    const chart = connected().send(refused);
    expect(chart.take()).toEqual([
      'withdraw {"incarnation":1}',
      'retire {"incarnation":1}',
      'reportRefusal {"incarnation":1,"code":16,"message":"unauthenticated"}',
    ]);
    expect(session(chart)).toBe('refused');
    chart.wait(agentLinkDelays.refusedInitMs);
    expect(session(chart)).toBe('dialing');
    connected(2, chart)
      .send({ ...refused, incarnation: 2 })
      .wait(2 * agentLinkDelays.refusedInitMs - 1);
    expect(session(chart)).toBe('refused');
    chart.wait(1);
    expect(session(chart)).toBe('dialing');
    expect(linkRefusedMs(100)).toBe(agentLinkDelays.refusedMsMax);
  });

  test('of a call on an older connection moves nothing', () => {
    const chart = proven().send({ type: 'goaway.received', incarnation: 1 });
    connected(2, chart).send(refused);
    expect(session(chart)).toBe('connected');
  });

  test('is forgotten when kas accepts a call', () => {
    const chart = connected().send(refused).wait(agentLinkDelays.refusedInitMs);
    connected(2, chart).send({ type: 'call.accepted', incarnation: 2 });
    expect(chart.take()).toEqual(['reportAcceptance {"incarnation":2}']);
    expect(chart.actor.getSnapshot().context.refusals).toBe(0);
  });
});

test.each(['delaying', 'dialing', 'handshaking', 'connected', 'backingOff', 'refused'])(
  'a stop ends the link in state %s',
  (state) => {
    const chart = state === 'delaying' ? link(1_000) : link().wait(0);
    const ready = () =>
      chart.send({ type: 'http2.begun', incarnation: 1 }).send({ type: 'settings.received', incarnation: 1 });
    if (state === 'handshaking') chart.send({ type: 'http2.begun', incarnation: 1 });
    if (state === 'connected' || state === 'refused') ready();
    if (state === 'refused')
      chart.send({ type: 'call.refused', incarnation: 1, code: 7, message: 'forbidden' });
    if (state === 'backingOff') chart.send({ type: 'connection.closed', incarnation: 1, reason: 'x' });
    expect(session(chart)).toBe(state);
    chart.send({ type: 'stop.requested' });
    expect(chart.output).toEqual({ kind: 'stopped' });
    expect(chart.clock.pending).toBe(0);
  },
);

/** A link that has come so far with its second connection, in good order. */
function second(...events: readonly string[]): PlayedChart {
  const chart = link().wait(0);
  chart.send({ type: 'connection.closed', incarnation: 1, reason: 'refused', remedy: '' });
  chart.wait(agentLinkDelays.backoffInitMs);
  for (const type of events) chart.send({ type, incarnation: 2 });
  chart.take();
  return chart;
}

const whole = ['http2.begun', 'settings.received'];

describe.each([
  ['dialing', []],
  ['proxying', ['proxy.begun']],
  ['securing', ['tls.begun']],
  ['upgrading', ['upgrade.begun']],
  ['handshaking', ['http2.begun']],
  ['connected', whole],
])('a link in state %s', (state, events) => {
  test.each([
    'proxy.begun',
    'tls.begun',
    'upgrade.begun',
    'http2.begun',
    'upgrade.redirected',
    'settings.received',
    'connection.closed',
    'goaway.received',
    'call.refused',
    'call.accepted',
    'ping.acknowledged',
  ])('is not moved by %s of an older connection', (type) => {
    const chart = second(...events);
    expect(session(chart)).toBe(state);
    const before = JSON.stringify(chart.actor.getSnapshot().value);
    chart.send({ type, incarnation: 1, reason: 'late', remedy: '', to: 'x', code: 16, message: 'no' });
    expect([JSON.stringify(chart.actor.getSnapshot().value), chart.take()]).toEqual([before, []]);
  });
});

test.each([
  ['proxying', ['proxy.begun', 'upgrade.begun'], 'upgrading'],
  ['proxying', ['proxy.begun', 'http2.begun'], 'handshaking'],
  ['securing', ['tls.begun', 'http2.begun'], 'handshaking'],
  ['upgrading', ['upgrade.begun', 'http2.begun'], 'handshaking'],
])('from %s the ladder may go on by %j', (_, events, next) => {
  expect(session(second(...events))).toBe(next);
});

test('a ping that is answered for an older connection does not excuse the present one', () => {
  const chart = second(...whole).wait(agentLinkDelays.pingMs);
  expect(chart.take()).toEqual(['ping {"incarnation":2}']);
  chart.send({ type: 'ping.acknowledged', incarnation: 1 }).wait(agentLinkDelays.pingAckMs);
  expect(chart.take()).toContain('drop {"incarnation":2,"at":"keepalive"}');
});

test('a connection that is sent away before it is proven is retired, not dropped', () => {
  const chart = second(...whole).send({ type: 'goaway.received', incarnation: 2 });
  expect([session(chart), retired(chart)]).toEqual(['backingOff', 'draining']);
  expect(chart.take()).toEqual(['withdraw {"incarnation":2}', 'retire {"incarnation":2}']);
});

test('a refused connection is watched until its last call has ended', () => {
  const chart = second(...whole).send({ type: 'call.refused', incarnation: 2, code: 16, message: 'no' });
  expect(retired(chart)).toBe('draining');
  chart.wait(agentLinkDelays.pingMs);
  expect(retired(chart)).toBe('checking');
  expect(retired(chart.send({ type: 'retired.emptied' }))).toBe('none');
});

test('an acceptance without a refusal before it is no news', () => {
  const chart = second(...whole).send({ type: 'call.accepted', incarnation: 2 });
  expect(chart.take()).toEqual([]);
});

test('a link whose sockets crash is stopped', () => {
  const broken = agentLinkMachine.provide({
    actors: {
      sockets: fromCallback(() => {
        throw new Error('a bug');
      }),
    },
  });
  expect(new PlayedChart(broken, { startDelayMs: 0 }, []).output).toEqual({ kind: 'stopped' });
});
