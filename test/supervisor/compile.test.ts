/** The compiler beyond what the hot charts use: every feature it knows lives like xstate, every other is refused. */
import { type AnyStateMachine, and, assign, createActor, createMachine, raise, setup, waitFor } from 'xstate';
import { describe, expect, it } from 'vitest';
import { DeadlineWheel, compileMachine, createHotActor, guarded } from '../../src/supervisor/index.ts';
import { answering, walk } from '../charts/lockstep.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

const wheel = { after: () => 0, cancel: () => {} };

/** Uses each feature of the compiler at least once. */
const everythingMachine = setup({
  types: {
    context: {} as { n: number; last: string },
    events: {} as
      | { type: 'add'; amount: number }
      | { type: 'go' | 'again' | 'home' | 'quiet' | 'blocked' | 'both' | 'end' | 'break' }
      | { type: 'stop.requested' },
    input: {} as { start: number },
    tags: {} as 'resting' | 'shared',
  },
  actions: {
    say: (_, _params: { what: string; n?: number }) => {},
    bare: () => {},
    add: assign(({ context }, { amount }: { amount: number }) => ({ n: context.n + amount })),
    note: assign({ last: ({ event }) => event.type, n: ({ context }) => context.n }),
    fix: assign({ last: 'fixed' }),
    fail: assign(({ context }) => {
      if (context.n > 3) throw new Error('n is too large');
      return {};
    }),
  },
  guards: {
    small: ({ context }) => context.n < 5,
    atMost: ({ context }, { limit }: { limit: number }) => context.n <= limit,
    breaks: ({ context }) => {
      if (context.n === 2) throw new Error('broken');
      return context.n > 2;
    },
  },
  delays: { fixed: 500, growing: ({ context }) => 100 * context.n, constant: () => 700 },
}).createMachine({
  id: 'everything',
  description: 'all features',
  context: ({ input }) => ({ n: input.start, last: '' }),
  initial: 'first',
  output: ({ context, event }) => ({ kind: 'over', n: context.n, own: event.output }),
  on: {
    home: { target: '.first', actions: { type: 'say', params: { what: 'home' } } },
    blocked: { actions: 'bare' },
    add: {
      guard: 'small',
      actions: [
        { type: 'add', params: ({ event }) => event },
        'note',
        { type: 'say', params: ({ context }) => ({ what: 'added', n: context.n }) },
      ],
    },
    'stop.requested': '.ended',
  },
  states: {
    first: {
      tags: ['resting', 'shared'],
      entry: [
        'fix',
        { type: 'say', params: ({ context }) => ({ what: `enter first ${context.last}`, n: context.n }) },
      ],
      exit: [{ type: 'say', params: { what: 'exit first' } }, 'note'],
      after: { growing: 'second', 2000: { actions: 'bare' } },
      on: {
        go: [
          { guard: { type: 'atMost', params: { limit: 1 } }, target: 'second', actions: 'fix' },
          { guard: { type: 'atMost', params: ({ context }) => ({ limit: context.n - 1 }) }, target: 'ended' },
          {
            guard: ({ context }) => context.n % 2 === 0,
            target: 'third',
            actions: ({ self }) => self.send({ type: 'go' }),
          },
          { target: 'second', reenter: true },
        ],
        again: { target: 'first', reenter: true, actions: 'bare' },
        quiet: { target: 'first', actions: 'bare' },
        blocked: {},
        break: { guard: 'breaks', target: 'second' },
      },
    },
    second: {
      tags: 'shared',
      after: { fixed: [{ guard: 'small', target: 'third' }, { target: 'first' }], 1000: 'ended' },
      on: {
        go: 'third',
        again: { actions: 'fail' },
        quiet: { reenter: true, actions: 'note' },
        end: 'ended',
      },
    },
    third: {
      entry: 'bare',
      after: {
        constant: { target: 'third', reenter: true, actions: { type: 'add', params: { amount: 1 } } },
      },
      on: { go: 'first', end: 'plain', break: { actions: 'fail', target: 'first' } },
    },
    ended: {
      type: 'final',
      tags: 'resting',
      entry: 'note',
      exit: { type: 'say', params: ({ context }) => ({ what: 'exit ended', n: context.n }) },
      output: ({ context, event }) => `${context.n} ${event.type}`,
    },
    plain: { type: 'final', output: 'plain' },
  },
});

const everything = {
  input: { start: 1 },
  payloads: () => ({ add: [{ amount: 1 }, { amount: 2 }, { amount: -3 }] }),
};

describe('a compiled machine', () => {
  it.each([
    ['random walks', undefined],
    ['walks whose actions answer', (seed: number) => answering(everythingMachine, everything, seed, false)],
    ['walks whose actions throw', (seed: number) => answering(everythingMachine, everything, seed, true)],
  ])('lives as on xstate over %s', (_, reaction) => {
    const ends = new Set<string>();
    for (let seed = 1; seed <= 1_500; seed++) {
      const react = reaction && (() => reaction(seed));
      for (const end of walk(everythingMachine, everything, seed, react)) ends.add(end);
    }
    const kinds = ['done ended', 'done plain', 'error first', 'error second', 'error third'];
    expect([...ends]).toEqual(expect.arrayContaining(kinds));
  });

  it('may be guarded and watched as any logic', async () => {
    const clock = new VirtualClock();
    const deadlines = new DeadlineWheel(clock, 100);
    const logic = compileMachine(everythingMachine, {
      wheel: deadlines,
      actions: { say: () => {}, bare: () => {} },
    });
    const actor = createActor(guarded(logic), { id: 'one', input: { start: 1 } }).start();
    const over = waitFor(actor, ({ status }) => status === 'done');
    expect(actor.getSnapshot().matches('first')).toBe(true);
    expect(actor.getSnapshot().hasTag('resting')).toBe(true);
    clock.advance(150); // growing: 100 ms, and up to a tick
    expect(actor.getSnapshot().value).toBe('second');
    clock.advance(10_000);
    actor.send({ type: 'stop.requested' });
    expect((await over).output).toMatchObject({ kind: 'over' });
    expect(deadlines.size).toBe(0);
  });

  it('leaves no timer behind when stopped from outside', () => {
    const clock = new VirtualClock();
    const deadlines = new DeadlineWheel(clock, 100);
    const logic = compileMachine(everythingMachine, {
      wheel: deadlines,
      actions: { say: () => {}, bare: () => {} },
    });
    const actor = createActor(logic, { id: 'one', input: { start: 1 } }).start();
    const hot = createHotActor(logic, { id: 'two', input: { start: 1 }, onDone: () => {} }).start();
    expect(deadlines.size).toBe(4);
    actor.stop();
    hot.stop();
    expect(deadlines.size).toBe(0);
    expect([actor.getSnapshot().status, hot.snapshot.status]).toEqual(['stopped', 'stopped']);
  });

  it('tells its observer of each change of state', () => {
    const seen: string[] = [];
    const logic = compileMachine(everythingMachine, {
      wheel,
      actions: { say: () => {}, bare: () => {} },
      observe: ({ actorId, machine, from, to, event }) =>
        seen.push(`${actorId} ${machine}: ${from} > ${to} (${event})`),
    });
    for (const start of [
      () => createActor(logic, { id: 'one', input: { start: 1 } }).start(),
      () => createHotActor(logic, { id: 'one', input: { start: 1 }, onDone: () => {} }).start(),
    ]) {
      seen.length = 0;
      const actor = start();
      for (const type of ['quiet', 'go', 'again', 'end'] as const) actor.send({ type });
      expect(seen).toEqual([
        'one everything:  > first (xstate.init)',
        'one everything: first > second (go)',
        'one everything: second > ended (end)',
      ]);
    }
  });

  it('is not restored', () => {
    const logic = compileMachine(everythingMachine, { wheel, actions: { say: () => {}, bare: () => {} } });
    const snapshot = createActor(logic, { input: { start: 1 } }).getPersistedSnapshot();
    const restored = createActor(logic, { input: { start: 1 }, snapshot });
    expect(restored.getSnapshot()).toMatchObject({ status: 'error' });
  });
});

describe('a hot actor', () => {
  const logic = compileMachine(everythingMachine, { wheel, actions: { say: () => {}, bare: () => {} } });

  it('keeps what is sent before its start and drops what is sent after its end', () => {
    const ends: string[] = [];
    const actor = createHotActor(logic, {
      id: 'a',
      input: { start: 1 },
      onDone: ({ status }) => ends.push(status),
    });
    expect(actor.send({ type: 'go' })).toBe(true);
    expect(actor.start().snapshot.value).toBe('second');
    expect(actor.send({ type: 'end' })).toBe(true);
    expect(actor.send({ type: 'go' })).toBe(false);
    expect(ends).toEqual(['done']);
  });

  it('does not start once stopped', () => {
    const actor = createHotActor(logic, { id: 'a', input: { start: 1 }, onDone: () => {} });
    actor.stop();
    expect(actor.start().snapshot.status).toBe('stopped');
    expect(actor.send({ type: 'go' })).toBe(false);
  });

  it('tells its owner of a context that cannot be made', () => {
    const machine = createMachine({
      id: 'bad',
      context: () => {
        throw new Error('no input');
      },
      initial: 'a',
      states: { a: {} },
    });
    const errors: unknown[] = [];
    const bad = compileMachine(machine, { wheel, actions: {} });
    createHotActor(bad, { id: 'a', input: undefined, onDone: ({ error }) => errors.push(error) }).start();
    expect(errors).toEqual([new Error('no input')]);
  });

  it('finishes the running step before a stop asked for within it', () => {
    const seen: string[] = [];
    const machine = setup({ actions: { end: () => {}, say: () => {} } }).createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { on: { go: { target: 'b', actions: ['end', 'say'] } } }, b: { entry: 'say' } },
    });
    const stopping = compileMachine(machine, {
      wheel,
      actions: { end: () => actor.stop(), say: () => seen.push('said') },
    });
    const actor = createHotActor(stopping, {
      id: 'a',
      input: undefined,
      onDone: () => seen.push('done'),
    }).start();
    actor.send({ type: 'go' });
    expect(seen).toEqual(['said', 'said']);
    expect(actor.snapshot).toMatchObject({ status: 'stopped', value: 'b' });
  });
});

describe('the compiler refuses', () => {
  const states = { a: {}, b: {} };
  const refused: [string, AnyStateMachine, RegExp][] = [
    [
      'nested states',
      createMachine({ id: 'm', initial: 'a', states: { a: { initial: 'x', states: { x: {} } } } }),
      /'initial' \(states\.a\)/,
    ],
    ['parallel states', createMachine({ id: 'm', type: 'parallel', states }), /'type' \(the machine\)/],
    [
      'invoke',
      createMachine({ id: 'm', initial: 'a', states: { a: { invoke: { src: 'x' } } } }),
      /'invoke' \(states\.a\)/,
    ],
    [
      'always',
      createMachine({ id: 'm', initial: 'a', states: { a: { always: 'b' }, b: {} } }),
      /'always' \(states\.a\)/,
    ],
    [
      'history',
      createMachine({ id: 'm', initial: 'a', states: { a: { type: 'history' }, b: {} } }),
      /"history"/,
    ],
    [
      'wildcards',
      createMachine({ id: 'm', initial: 'a', states: { a: { on: { 'x.*': 'b' } }, b: {} } }),
      /wildcard event \(states\.a\.on\.x\.\*\)/,
    ],
    [
      'actions of the machine',
      createMachine({ id: 'm', initial: 'a', entry: () => {}, states }),
      /'entry' \(the machine\)/,
    ],
    [
      'delays of the machine',
      createMachine({ id: 'm', initial: 'a', after: { 5: '.b' }, states }),
      /'after' \(the machine\)/,
    ],
    [
      'raise',
      createMachine({ id: 'm', initial: 'a', states: { a: { entry: raise({ type: 'x' }) } } }),
      /action 'xstate\.raise' \(states\.a\.entry\)/,
    ],
    [
      'combined guards',
      createMachine({ id: 'm', initial: 'a', states: { a: { on: { x: { guard: and([() => true]) } } } } }),
      /combined guard/,
    ],
    [
      'a way out of the end',
      createMachine({ id: 'm', initial: 'a', states: { a: { type: 'final', on: { x: 'a' } } } }),
      /final state \(states\.a\)/,
    ],
    [
      'an initial transition with actions',
      createMachine({ id: 'm', initial: { target: 'a', actions: () => {} }, states }),
      /initial transition/,
    ],
    [
      'a delay nobody knows',
      createMachine({ id: 'm', initial: 'a', states: { a: { after: { soon: 'b' } }, b: {} } }),
      /delay 'soon'/,
    ],
    [
      'a guard nobody knows',
      createMachine({ id: 'm', initial: 'a', states: { a: { on: { x: { guard: 'g' } } } } }),
      /guard 'g'/,
    ],
    [
      'an action nobody provides',
      setup({ actions: { act: () => {} } }).createMachine({
        id: 'm',
        initial: 'a',
        states: { a: { entry: 'act' } },
      }),
      /action 'act' \(states\.a\.entry\) is not provided/,
    ],
  ];

  it.each(refused)('%s', (_, machine, reason) => {
    expect(() => compileMachine(machine, { wheel, actions: {} })).toThrow(reason);
  });
});
