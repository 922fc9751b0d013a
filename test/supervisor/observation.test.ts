import { createActor, createMachine } from 'xstate';
import { expect, test } from 'vitest';
import type { Log, LogFields } from '../../src/ports/index.ts';
import {
  DynamicSupervisor,
  exitReason,
  guarded,
  inspectorOf,
  isAbnormal,
  reportsToLog,
  stateName,
  type ObservedTransition,
} from '../../src/supervisor/index.ts';
import { running, World } from './world.ts';

const inner = createMachine({
  id: 'inner',
  initial: 'x',
  states: { x: { on: { go: 'y' } }, y: { on: { note: {} } } },
});
const outer = createMachine({
  id: 'outer',
  invoke: { id: 'child', src: inner },
  type: 'parallel',
  states: {
    left: { initial: 'a', states: { a: { on: { turn: 'b' } }, b: {} } },
    right: { initial: 'c', states: { c: { on: { again: { target: 'c', reenter: true } } } } },
  },
});

test('state values have short names', () => {
  expect(stateName('idle')).toBe('idle');
  expect(stateName({ connected: 'idle' })).toBe('connected.idle');
  expect(stateName({ connected: { link: 'up', tunnels: { pool: 'full' } } })).toBe(
    'connected.(link.up|tunnels.pool.full)',
  );
  expect(stateName({ a: {}, b: 'c' })).toBe('(a|b.c)');
  expect(stateName({})).toBe('');
});

test('each change of state is told once, of invoked machines too, events that change nothing are not', () => {
  const seen: ObservedTransition[] = [];
  const actor = createActor(guarded(outer), {
    id: 'o:1',
    inspect: inspectorOf((t) => seen.push(t), undefined),
  });
  actor.start();
  actor.send({ type: 'turn' });
  actor.send({ type: 'turn' });
  actor.send({ type: 'again' });
  actor.getSnapshot().children['child']?.send({ type: 'go' });
  actor.getSnapshot().children['child']?.send({ type: 'note' });
  const lines = seen.map(
    ({ actorId, machine, from, to, event }) => `${actorId} ${machine} ${from}>${to} ${event}`,
  );
  expect(lines.toSorted()).toEqual([
    'child inner >x xstate.init',
    'child inner x>y go',
    'o:1 outer (left.a|right.c)>(left.b|right.c) turn',
    'o:1 outer >(left.a|right.c) xstate.init',
  ]);
});

test('only the named machines are told of', () => {
  const seen: ObservedTransition[] = [];
  const inspect = inspectorOf((t) => seen.push(t), new Set(['inner']));
  createActor(outer, { inspect }).start();
  expect(seen.map(({ machine }) => machine)).toEqual(['inner']);
});

test('an observer that throws hurts nobody, is reported, and is unplugged after some throws', async () => {
  const world = new World();
  let calls = 0;
  const env = {
    ...world.env,
    observe: () => {
      calls++;
      throw new Error('bad observer');
    },
  };
  const supervisor = new DynamicSupervisor({ id: 'd', maxChildren: 100 }, env);
  await supervisor.start();
  for (let n = 0; n < 50; n++) expect(supervisor.startChild(world.spec(`m:${n}`)).kind).toBe('started');
  expect(calls).toBe(10);
  const failures = world.reports.filter(({ kind }) => kind === 'observerFailed');
  expect(failures).toHaveLength(10);
  expect(failures[0]?.reason).toBe('bad observer');
  expect(world.live).toHaveLength(50);
});

test('a report function that throws hurts nobody', async () => {
  const world = new World();
  const env = {
    ...world.env,
    report: () => {
      throw new Error('bad reporter');
    },
  };
  const supervisor = new DynamicSupervisor({ id: 'd', maxChildren: 100 }, env);
  await supervisor.start();
  for (let n = 0; n < 20; n++) expect(supervisor.startChild(world.spec(`m:${n}`)).kind).toBe('started');
  await supervisor.stop();
  expect(world.live).toEqual([]);
});

test('reports become log lines: quiet when all is well, warnings for crashes, errors for giving up', async () => {
  const lines: [string, string, LogFields | undefined][] = [];
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push([level, message, fields]);
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  const world = new World();
  await running(world, { strategy: 'one_for_one', children: [world.spec('a')] });
  await world.tell('a', 'crash');
  await world.tell('a', 'crash');
  world.reports.forEach(reportsToLog(log));
  expect(lines.map(([level, message]) => `${level} ${message}`)).toEqual([
    'debug Child started',
    'warn Child ended',
    'warn Restarting child',
    'debug Child started',
    'warn Child ended',
    'error Supervisor gave up',
  ]);
  expect(lines[2]?.[2]).toEqual({
    supervisor: 'top',
    child: 'a',
    reason: 'a crashed',
    attempt: 1,
    wait_ms: 0,
  });
  expect(lines[1]?.[2]?.['error']).toEqual(new Error('a crashed'));
});

test('a report carries a plain reason whatever was thrown', () => {
  const reason = (error: unknown) => exitReason({ kind: 'crashed', error });
  expect(reason(new Error('text'))).toBe('text');
  expect(reason(new TypeError(''))).toBe('TypeError');
  expect(reason('a string')).toBe('a string');
  expect(reason({ secret: 1 })).toBe('threw a value of type object');
  expect(exitReason({ kind: 'shutdown', reason: 'asked' })).toBe('asked');
  expect(isAbnormal({ kind: 'normal', output: 1 })).toBe(false);
});
