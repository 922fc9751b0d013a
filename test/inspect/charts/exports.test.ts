/** What other tools are given: configurations that make the same chart again, and SCXML that says all a chart says. */
import { and, createMachine, setup, type AnyStateMachine } from 'xstate';
import { describe, expect, it } from 'vitest';
import { chartGraphOf, chartJsonOf, scxmlOf } from '../../../src/inspect/index.ts';
import { charts } from '../../../statecharts/index.ts';
import { elementsIn, readXml } from './read-xml.ts';

const again = (machine: AnyStateMachine) => createMachine(JSON.parse(chartJsonOf(machine)) as object);
const every = setup({ guards: { x: () => true, y: () => true } }).createMachine({
  id: 'every',
  type: 'parallel',
  states: {
    a: {
      initial: 'one',
      states: {
        one: {
          always: { guard: and(['x', 'y']), target: 'two' },
          on: { go: [{ guard: 'x', target: 'two' }, { target: '#every.b' }], never: {} },
        },
        two: { initial: 'in', states: { in: { type: 'final' } }, onDone: 'one', after: { 500: 'one' } },
      },
    },
    b: {
      initial: 'x',
      states: {
        x: { on: { back: { target: 'h', reenter: true } } },
        h: { type: 'history', history: 'deep' },
      },
    },
  },
});
const machines = [...charts, { name: 'one with every construct', machine: every }];

describe.each(machines.map(({ name, machine }) => ({ name, machine })))('$name', ({ machine }) => {
  it('is the same chart after a round trip through JSON', () => {
    expect(chartGraphOf(again(machine))).toEqual(chartGraphOf(machine));
  });

  it('says in SCXML each of its states and transitions, with targets that exist', () => {
    const graph = chartGraphOf(machine);
    const elements = elementsIn(readXml(scxmlOf(graph)));
    const states = elements.filter(({ tag }) => ['state', 'parallel', 'final'].includes(tag));
    expect(states).toHaveLength(graph.states.length);
    const ids = new Set(states.map(({ attributes }) => attributes['id']));
    const transitions = elements.filter(({ tag }) => tag === 'transition');
    const all = [
      ...graph.edges.flatMap((edge) => edge.transitions),
      ...graph.states.flatMap(({ stays }) => stays),
    ];
    expect(transitions).toHaveLength(all.length);
    for (const { attributes } of [...transitions, ...states]) {
      for (const id of [attributes['target'], attributes['initial']])
        if (id !== undefined) expect(ids).toContain(id);
    }
  });
});

it('SCXML begins a delay on entry and takes it back on leaving', () => {
  const machine = createMachine({
    id: 'm',
    initial: 'a',
    states: {
      a: { entry: 'greet', after: { patience: { target: 'b', actions: 'tell' } } },
      b: { type: 'final' },
    },
  });
  const text = scxmlOf(chartGraphOf(machine));
  const name = 'after.patience.m_a';
  expect(text).toContain(
    `<onentry><send id="${name}" event="${name}" delayexpr="patience"/><log label="action" expr="'greet'"/></onentry>`,
  );
  expect(text).toContain(`<onexit><cancel sendid="${name}"/></onexit>`);
  expect(text).toContain(
    `<transition event="${name}" target="m_b" type="internal"><log label="action" expr="'tell'"/></transition>`,
  );
});
