/** Where an event can lead from a state, against xstate itself: every step of every chart of the program. */
import { describe, expect, it } from 'vitest';
import { assign, raise, setup, type AnyStateMachine } from 'xstate';
import { PossibleSteps } from '../../../src/inspect/conformance/possible-steps.ts';
import { stateName } from '../../../src/supervisor/index.ts';
import { graphOf } from '../../../src/testing/index.ts';
import { charts } from '../../../statecharts/index.ts';
import { modelOf } from '../../charts/models.ts';

describe.each(charts.map(({ name, machine }) => ({ name, machine })))(
  'the $name chart',
  ({ name, machine }) => {
    it('takes no step that is not found possible, and begins where it may', () => {
      const steps = new PossibleSteps(machine);
      const impossible: string[] = [];
      for (const { state, transitions } of Object.values(graphOf(machine, modelOf(name)))) {
        const from = stateName(state.value);
        for (const { event, state: after } of Object.values(transitions)) {
          const to = steps.canonical(stateName(after.value));
          if (to === undefined || steps.after(from, event.type)?.has(to) !== true) {
            impossible.push(`${from} ${event.type} ${stateName(after.value)}`);
          }
        }
      }
      expect(impossible).toEqual([]);
      const [first] = Object.values(graphOf(machine, modelOf(name)));
      expect(steps.beginnings().has(stateName(first?.state.value ?? ''))).toBe(true);
    });
  },
);

it('of steps with a wrong state or a wrong event, more than nine in ten are refused', () => {
  const counts = { state: { all: 0, refused: 0 }, event: { all: 0, refused: 0 } };
  for (const { name, machine } of charts) {
    const steps = new PossibleSteps(machine);
    const graph = Object.values(graphOf(machine, modelOf(name)));
    const taken = graph.flatMap(({ state, transitions }) =>
      Object.values(transitions).map(({ event, state: next }) => ({
        from: stateName(state.value),
        event: event.type,
        to: steps.canonical(stateName(next.value)) ?? '',
      })),
    );
    const states = new Set(taken.map(({ to }) => to));
    const events = new Set(taken.map(({ event }) => event));
    const look = (kind: keyof typeof counts, isPossible: boolean | undefined) => {
      counts[kind].all++;
      if (isPossible !== true) counts[kind].refused++;
    };
    for (const { from, event, to } of taken.filter((one) => one.from !== one.to)) {
      for (const other of states) if (other !== to) look('state', steps.after(from, event)?.has(other));
      for (const other of events) if (other !== event) look('event', steps.after(from, other)?.has(to));
    }
  }
  expect(counts.state.refused / counts.state.all).toBeGreaterThan(0.9);
  expect(counts.event.refused / counts.event.all).toBeGreaterThan(0.9);
});

const after = (machine: AnyStateMachine, state: string, event: string) =>
  [...(new PossibleSteps(machine).after(state, event) ?? [])].sort();

describe('what is possible', () => {
  const machine = setup({
    types: { context: {} as { readonly n: number } },
    guards: { yes: () => true, no: () => false },
    actions: { count: assign({ n: ({ context }) => context.n + 1 }) },
  }).createMachine({
    id: 'm',
    context: { n: 0 },
    initial: 'calm',
    on: { stop: '.over' },
    states: {
      calm: {
        on: {
          go: [{ guard: 'no', target: 'busy' }, { guard: 'yes', target: 'tried' }, { target: 'calm' }],
          try: { guard: 'no', target: 'tried' },
          note: { actions: 'count' },
          both: 'pair',
        },
      },
      tried: { always: { guard: 'no', target: 'busy' } },
      busy: { always: 'calm' },
      pair: {
        type: 'parallel',
        onDone: 'calm',
        states: {
          left: {
            initial: 'a',
            states: { a: { on: { x: 'b' } }, b: { type: 'final', entry: raise({ type: 'told' }) } },
          },
          right: {
            initial: 'a',
            states: { a: { on: { x: 'b', told: 'c' } }, b: { on: { told: 'c' } }, c: { type: 'final' } },
          },
        },
      },
      over: { type: 'final' },
    },
  });

  it('is what any answers of the guards give, and no more', () => {
    expect(after(machine, 'calm', 'go')).toEqual(['calm', 'tried']);
    expect(after(machine, 'calm', 'try')).toEqual(['calm', 'tried']);
    expect(after(machine, 'calm', 'note')).toEqual(['calm']);
    expect(after(machine, 'calm', 'unheard-of')).toEqual(['calm']);
    expect(after(machine, 'calm', 'stop')).toEqual(['over']);
  });

  it('follows regions together, what they raise, and that they are done', () => {
    expect(after(machine, 'calm', 'both')).toEqual(['pair.(left.a|right.a)']);
    expect(after(machine, 'pair.(left.a|right.a)', 'x')).toEqual(['calm']);
    expect(after(machine, 'pair.(left.a|right.c)', 'x')).toEqual(['calm']);
    expect(after(machine, 'pair.(left.a|right.a)', 'told')).toEqual(['pair.(left.a|right.c)']);
  });

  it('is nothing for a state that is none', () => {
    const steps = new PossibleSteps(machine);
    for (const state of ['', 'nowhere', 'pair', 'pair.left.a', 'pair.(left.a|right.z)', 'calm.deeper'])
      expect([state, steps.after(state, 'x')]).toEqual([state, undefined]);
    expect(steps.canonical('pair.(right.a|left.a)')).toBe('pair.(left.a|right.a)');
    expect([steps.isEnd('over'), steps.isEnd('calm'), steps.isEnd('nowhere')]).toEqual([true, false, false]);
  });
});
