/** The pictures: only the part of Mermaid that is safe, nothing forgotten, nothing invented. */
import { describe, expect, it } from 'vitest';
import { createMachine, type AnyStateMachine, type AnyStateNode } from 'xstate';
import { describeStates, diagramIdOf, diagramOf } from '../../src/inspect/index.ts';
import { charts } from '../../statecharts/index.ts';

const id = '[A-Za-z0-9_]+';
const text = String.raw`[\p{L}\p{N} .,()[\]/_-]+`;
/** Every line a diagram may have. */
const grammar = [
  /^stateDiagram-v2$/,
  new RegExp(`^ *state "${text}" as (?<declared>${id})( (?<open>\\{))?$`, 'u'),
  new RegExp(`^ *(?<described>${id}) : ${text}$`, 'u'),
  new RegExp(`^ *\\[\\*\\] --> (?<to>${id})( : ${text})?$`, 'u'),
  new RegExp(`^ *(?<from>${id}) --> \\[\\*\\]$`),
  new RegExp(`^ *(?<from>${id}) --> (?<to>${id}) : ${text}$`, 'u'),
  /^ *--$/,
  /^ *(?<close>\})$/,
];

/** Reads a diagram; throws on a line outside the grammar, an undeclared node or an unbalanced block. */
function read(diagram: string) {
  const lines = diagram.split('\n').map((line) => {
    const match = grammar.map((rule) => rule.exec(line)).find((found) => found !== null);
    if (match === undefined) throw new Error(`not in the grammar: ${line}`);
    return match?.groups ?? {};
  });
  const all = (key: string) => lines.flatMap((groups) => groups[key] ?? []);
  const declared = all('declared');
  expect(new Set(declared).size).toBe(declared.length);
  expect(all('open').length).toBe(all('close').length);
  for (const used of [...all('from'), ...all('to'), ...all('described')]) expect(declared).toContain(used);
  return { declared, edges: lines.filter(({ from, to }) => from !== undefined && to !== undefined).length };
}

function leavesOf(node: AnyStateNode): AnyStateNode[] {
  const children = Object.values(node.states);
  return children.length === 0 ? [node] : children.flatMap((child) => leavesOf(child));
}

describe.each(charts.map(({ name, machine }) => ({ name, machine })))(
  'the picture of $name',
  ({ machine }) => {
    it('declares every state once and draws only between declared ones', () => {
      const { declared } = read(diagramOf(machine));
      for (const leaf of leavesOf(machine.root)) expect(declared).toContain(diagramIdOf(leaf));
    });

    it('is the same every time', () => {
      expect(diagramOf(machine.provide({}))).toBe(diagramOf(machine));
    });

    it('says of each event what it does, in the diagram or beside it', () => {
      const said = `${diagramOf(machine)}\n${describeStates(machine)
        .map(({ stays }) => stays.join('\n'))
        .join('\n')}`;
      for (const type of machine.root.events.filter((one) => !one.startsWith('xstate.')))
        expect(said).toContain(type);
    });
  },
);

describe('a picture', () => {
  const linesOf = (machine: AnyStateMachine) =>
    diagramOf(machine)
      .split('\n')
      .map((line) => line.trim());

  it('keeps hostile names out of its syntax', () => {
    const hostile = 'x"]; }\n--\n[*] --> y : <script>%%{init}%% ```# &';
    const machine = createMachine({
      id: hostile,
      initial: hostile,
      states: {
        [hostile]: {
          meta: { owner: hostile },
          on: { [hostile.replaceAll('*', '')]: { guard: hostile, target: 'b' } },
        },
        b: { initial: 'c', states: { c: {} } },
      },
    });
    expect(read(diagramOf(machine)).edges).toBe(1);
  });

  it('lifts a transition that crosses a border to the border', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: { initial: 'x', states: { x: { on: { out: '#m.b.y' } } } },
        b: { initial: 'z', states: { y: {}, z: {} } },
      },
    });
    expect(linesOf(machine)).toContain('m_a --> m_b : out (in x) (to y)');
  });

  it('starts a transition of a composite to its inside anywhere in it', () => {
    const machine = createMachine({ id: 'm', initial: 'a', on: { home: '.a' }, states: { a: {}, b: {} } });
    expect(linesOf(machine)).toContain('m__anywhere --> m_a : home');
  });

  it('separates the regions of a parallel machine and names them', () => {
    const region = { initial: 'on', states: { on: { on: { flip: 'off' } }, off: {} } };
    const lines = linesOf(
      createMachine({ id: 'm', type: 'parallel', states: { left: region, right: region } }),
    );
    expect(lines.filter((line) => line === '--')).toHaveLength(1);
    expect(lines).toContain('[*] --> m_left_on : left');
    expect(lines).toContain('[*] --> m_right_on : right');
  });

  it('leaves to the table what cannot be drawn', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: { initial: 'x', on: { again: { target: 'a', reenter: true }, never: {} }, states: { x: {} } },
      },
    });
    expect(read(diagramOf(machine)).edges).toBe(0);
    expect(describeStates(machine).find(({ path }) => path === 'a')?.stays).toEqual([
      'again',
      'never (ignored)',
    ]);
  });
});
