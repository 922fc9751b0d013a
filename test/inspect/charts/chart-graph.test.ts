/** Machine to graph: each way in which xstate lets a chart be written, on a machine small enough to see at once. */
import { and, assign, createMachine, fromPromise, not, or, setup, type AnyStateMachine } from 'xstate';
import { describe, expect, it } from 'vitest';
import { chartGraphOf, edgesOfView } from '../../../src/inspect/index.ts';

const only = (machine: AnyStateMachine) => {
  const [edge, ...more] = chartGraphOf(machine).edges;
  expect(more).toEqual([]);
  return edge;
};
const stateIn = (machine: AnyStateMachine, id: string) =>
  chartGraphOf(machine).states.find((state) => state.id === id);

describe('a transition', () => {
  const from = (a: object) => createMachine({ id: 'm', initial: 'a', states: { a, b: {} } });

  it.each([
    ['of an event', { on: { go: 'b' } }, { kind: 'event', text: 'go' }],
    ['of a named delay', { after: { patience: 'b' } }, { kind: 'after', text: 'patience' }],
    ['of a delay in milliseconds', { after: { 250: 'b' } }, { kind: 'after', text: '250 ms' }],
    ['of a delay in seconds', { after: { 1500: 'b' } }, { kind: 'after', text: '1.5 s' }],
    ['of a delay in minutes', { after: { 120_000: 'b' } }, { kind: 'after', text: '2 min' }],
    ['without an event', { always: { guard: 'ripe', target: 'b' } }, { kind: 'always', text: '' }],
    [
      'of the end of the states inside',
      { initial: 'x', states: { x: { type: 'final' } }, onDone: 'b' },
      { kind: 'done', text: '' },
    ],
    [
      'of invoked logic that ended',
      { invoke: { id: 'ask', src: 'ask', onDone: 'b' } },
      { kind: 'done', text: 'ask' },
    ],
    [
      'of invoked logic that failed',
      { invoke: { id: 'ask', src: 'ask', onError: 'b' } },
      { kind: 'failed', text: 'ask' },
    ],
    [
      'of invoked logic that changed',
      { invoke: { id: 'ask', src: 'ask', onSnapshot: 'b' } },
      { kind: 'changed', text: 'ask' },
    ],
  ])('%s says what sets it off', (_, a, cause) => {
    expect(only(from(a))).toMatchObject({
      id: 'm.a->m.b',
      source: 'm.a',
      target: 'm.b',
      transitions: [cause],
    });
  });

  it('tells its guard, however that is composed', () => {
    const composed = setup({ guards: { x: () => true, y: () => true } }).createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          on: {
            one: { guard: 'x', target: 'b' },
            two: { guard: and(['x', 'y']), target: 'b' },
            three: { guard: or(['x', not('y')]), target: 'b' },
            four: { guard: () => true, target: 'b' },
          },
        },
        b: {},
      },
    });
    expect(only(composed)?.transitions.map(({ guard }) => guard)).toEqual([
      'x',
      'x and y',
      'x or not y',
      'inline',
    ]);
  });

  it('names its actions and says when it enters again', () => {
    const machine = from({
      on: { again: { target: 'a', reenter: true, actions: ['note', { type: 'tell' }] } },
    });
    expect(only(machine)).toMatchObject({
      id: 'm.a->m.a',
      transitions: [{ reenter: true, actions: ['note', 'tell'] }],
    });
  });

  it('shares an edge with others between the same states, in the order in which they are tried', () => {
    const machine = from({ on: { one: 'b', two: [{ guard: 'x', target: 'b' }, { target: 'b' }] } });
    expect(only(machine)?.transitions.map(({ text, guard, order }) => [text, guard, order])).toEqual([
      ['one', undefined, 0],
      ['two', 'x', 1],
      ['two', undefined, 2],
    ]);
  });

  it('without a target stays with its state', () => {
    const machine = from({ on: { never: {}, noted: { actions: 'note' } } });
    expect(chartGraphOf(machine).edges).toEqual([]);
    expect(stateIn(machine, 'm.a')?.stays).toMatchObject([
      { text: 'never', actions: [] },
      { text: 'noted', actions: ['note'] },
    ]);
  });
});

describe('a state', () => {
  const machine = setup({
    actors: { ask: fromPromise(async () => undefined) },
    actions: { greet: () => {}, part: () => {}, count: assign({}) },
    delays: { patience: 10 },
  }).createMachine({
    id: 'm',
    description: 'A machine\n  of many parts.',
    type: 'parallel',
    tags: ['healthy'],
    states: {
      left: {
        initial: 'x',
        tags: ['kept'],
        states: {
          x: {
            description: 'First.',
            meta: { owner: 'somebody' },
            tags: ['degraded', 'ready'],
            entry: ['greet', 'count'],
            exit: 'part',
            invoke: { id: 'asking', src: 'ask' },
            after: { patience: 'y' },
          },
          y: { type: 'final' },
        },
      },
      right: { initial: 'old', states: { old: {}, back: { type: 'history' } } },
    },
  });

  it('is nested in the state around it, with its kind and where it begins', () => {
    expect(
      chartGraphOf(machine).states.map(({ id, parent, kind, initial }) => [id, parent, kind, initial]),
    ).toEqual([
      ['m', undefined, 'parallel', undefined],
      ['m.left', 'm', 'compound', 'm.left.x'],
      ['m.left.x', 'm.left', 'atomic', undefined],
      ['m.left.y', 'm.left', 'final', undefined],
      ['m.right', 'm', 'compound', 'm.right.old'],
      ['m.right.old', 'm.right', 'atomic', undefined],
      ['m.right.back', 'm.right', 'history', undefined],
    ]);
  });

  it('says who owns what, what it does, and what it is', () => {
    expect(stateIn(machine, 'm.left.x')).toMatchObject({
      key: 'x',
      owner: 'somebody',
      description: 'First.',
      tags: ['ready'],
      entry: ['greet', 'count'],
      exit: ['part'],
      invokes: [{ id: 'asking', src: 'ask' }],
    });
    expect(chartGraphOf(machine).description).toBe('A machine of many parts.');
  });

  it('has its own tone, or the one of the state around it; an end has none', () => {
    expect(stateIn(machine, 'm.left.x')?.tone).toBe('degraded');
    expect(stateIn(machine, 'm.right.old')?.tone).toBe('healthy');
    expect(stateIn(machine, 'm.left.y')).not.toHaveProperty('tone');
  });

  it('is plain data', () => {
    const graph = chartGraphOf(machine);
    expect(JSON.parse(JSON.stringify(graph))).toEqual(graph);
  });
});

describe('the lifted view', () => {
  const lifted = (machine: AnyStateMachine) => edgesOfView(chartGraphOf(machine), 'lifted');

  it('draws an edge across borders from border to border and says what is meant', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: { initial: 'x', states: { x: { on: { out: '#m.b.y', home: '#m.b.z' } } } },
        b: { initial: 'z', states: { y: {}, z: {} } },
      },
    });
    expect(lifted(machine)).toMatchObject([
      {
        id: 'm.a->m.b',
        level: 'm',
        of: ['m.a.x->m.b.y', 'm.a.x->m.b.z'],
        transitions: [
          { text: 'out', from: 'x', to: 'y' },
          { text: 'home', from: 'x' },
        ],
      },
    ]);
    expect(lifted(machine)[0]?.transitions[1]).not.toHaveProperty('to');
  });

  it('leaves a parallel state when it goes from one region to another', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'p',
      states: {
        p: {
          type: 'parallel',
          states: {
            one: { initial: 'x', states: { x: { on: { go: '#m.p.two.z' } } } },
            two: { initial: 'y', states: { y: {}, z: {} } },
          },
        },
      },
    });
    expect(lifted(machine)).toMatchObject([{ source: 'm.p', target: 'm.p', level: 'm' }]);
  });

  it('draws what a composite does to its inside from any state', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'p',
      states: {
        p: {
          type: 'parallel',
          on: { go: '.one.y' },
          states: { one: { initial: 'x', states: { x: {}, y: {} } } },
        },
      },
    });
    expect(lifted(machine)).toMatchObject([
      { id: 'm.p.one:any->m.p.one.y', source: 'm.p.one', anywhere: true, of: ['m.p->m.p.one.y'] },
    ]);
  });

  it('draws once what all states do alike, and only then', () => {
    const machine = (third: object) =>
      createMachine({
        id: 'm',
        initial: 'a',
        states: {
          a: { on: { stop: 'end', next: 'b' } },
          b: { on: { stop: 'end', next: 'c' } },
          c: { on: third },
          end: { type: 'final' },
        },
      });
    expect(lifted(machine({ stop: 'end' }))).toMatchObject([
      { id: 'm.a->m.b' },
      { id: 'm.b->m.c' },
      {
        id: 'm:any->m.end',
        anywhere: true,
        of: ['m.a->m.end', 'm.b->m.end', 'm.c->m.end'],
        transitions: [{ text: 'stop' }],
      },
    ]);
    for (const other of [{}, { stop: { target: 'end', guard: 'x' } }, { stop: 'a' }]) {
      expect(lifted(machine(other)).some(({ anywhere }) => anywhere)).toBe(false);
    }
  });

  it('draws an edge to a state around its source as a loop there', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { initial: 'x', states: { x: { on: { restart: { target: '#m.a', reenter: true } } } } } },
    });
    expect(lifted(machine)).toMatchObject([
      { id: 'm.a->m.a', level: 'm', transitions: [{ text: 'restart', from: 'x' }] },
    ]);
  });
});
