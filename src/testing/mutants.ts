/**
 * Small wrongs that can be planted into a chart in memory, one at a time, to see who notices: a transition that is never
 * taken, a guard that is not asked, actions that are not run.
 *
 * M1. A wrong is planted into the machine itself and into its configuration, so that it is in force for whoever makes
 *     actors of it, provides it or compiles it later; taken out again, the chart is what it was.
 * M2. Nothing but the one place is touched: parts that states share are copied, not changed.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import { nodesOf, tellTransition } from './chart-parts.ts';

export type MutantKind = 'never taken' | 'guard not asked' | 'actions not run' | 'no entry' | 'no exit';

export interface Mutant {
  /** Names it for as long as the chart stays as it is. */
  readonly id: string;
  readonly kind: MutantKind;
  /** Plants it; what it answers takes it out. */
  plant(): () => void;
}

/** Every wrong of these kinds. */
export function mutantsOf(machine: AnyStateMachine): readonly Mutant[] {
  return nodesOf(machine.root).flatMap((node) => [
    ...transitionsIn(node).flatMap((place) => mutantsAt(place)),
    ...stepsMutant(node, 'entry'),
    ...stepsMutant(node, 'exit'),
  ]);
}

type Settings = Record<string, unknown>;

/** One transition: as the machine holds it, and where its configuration stands. */
interface Place {
  readonly transition: AnyTransitionDefinition;
  /** Which of the transitions on the same event. */
  readonly index: number;
  /** Replaces the transition in the configuration by a changed copy; answers what undoes it. */
  readonly reconfigure: (change: Settings) => () => void;
}

const never = () => false;

function mutantsAt({ transition, index, reconfigure }: Place): Mutant[] {
  const where = `${tellTransition(transition)}${index === 0 ? '' : ` (${index + 1})`}`;
  const mutant = (kind: MutantKind, change: Settings): Mutant => ({
    id: `${where}: ${kind}`,
    kind,
    plant: () => {
      const undo = reconfigure(change);
      const before = Object.fromEntries(
        Object.keys(change).map((key) => [key, (transition as unknown as Settings)[key]]),
      );
      Object.assign(transition, change);
      return () => {
        Object.assign(transition, before);
        undo();
      };
    },
  });
  return [
    mutant('never taken', { guard: never }),
    ...(transition.guard === undefined ? [] : [mutant('guard not asked', { guard: undefined })]),
    ...(transition.actions.length === 0 ? [] : [mutant('actions not run', { actions: [] })]),
  ];
}

function stepsMutant(node: AnyStateNode, when: 'entry' | 'exit'): Mutant[] {
  const config = node.config as Settings;
  if (config[when] === undefined) return [];
  const kind = `no ${when}` as const;
  return [
    {
      id: `${node.id.slice(node.machine.id.length + 1) || node.machine.id}: ${kind}`,
      kind,
      plant: () => {
        const before = [config[when], node[when]] as const;
        config[when] = [];
        node[when] = [];
        return () => ([config[when], node[when]] = before as [unknown, typeof node.entry]);
      },
    },
  ];
}

function transitionsIn(node: AnyStateNode): Place[] {
  const config = node.config as Settings;
  const on = keysOf(config['on']).flatMap((type) => placesOf(node, type, config, ['on', type]));
  const after = keysOf(config['after']).flatMap((delay) =>
    placesOf(node, `xstate.after.${delay}.${node.id}`, config, ['after', delay]),
  );
  const invokes = node.invoke.flatMap(({ id }, at) => {
    const several = Array.isArray(config['invoke']);
    const path = several ? ['invoke', String(at)] : ['invoke'];
    return [
      ...placesOf(node, `xstate.done.actor.${id}`, config, [...path, 'onDone']),
      ...placesOf(node, `xstate.error.actor.${id}`, config, [...path, 'onError']),
    ];
  });
  return [...on, ...after, ...invokes, ...placesOf(node, '', config, ['always'])];
}

/** All transitions that the configuration has at a path, with what the machine made of them. */
function placesOf(node: AnyStateNode, type: string, config: Settings, path: readonly string[]): Place[] {
  const formatted = type === '' ? (node.always ?? []) : (node.transitions.get(type) ?? []);
  return formatted.map((transition, index) => ({
    transition,
    index,
    reconfigure: (change) => {
      const [first = '', ...rest] = path;
      const before = config[first];
      config[first] = replaced(before, rest, index, change);
      return () => (config[first] = before);
    },
  }));
}

/** A copy in which one transition is changed (M2). */
function replaced(value: unknown, path: readonly string[], index: number, change: Settings): unknown {
  const [key, ...rest] = path;
  if (key === undefined) {
    const all = (Array.isArray(value) ? value : [value]) as unknown[];
    return all.map((one, at) => {
      if (at !== index) return one;
      const whole = typeof one === 'string' ? { target: one } : (one as Settings);
      return { ...whole, ...change };
    });
  }
  if (Array.isArray(value))
    return value.map((one: unknown, at) => (String(at) === key ? replaced(one, rest, index, change) : one));
  const settings = value as Settings;
  return { ...settings, [key]: replaced(settings[key], rest, index, change) };
}

const keysOf = (value: unknown) => Object.keys(value ?? {});
