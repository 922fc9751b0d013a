/**
 * The table a flat machine is compiled to, and the reading of a machine into it. One row per state; a row maps an event
 * type to candidates; a candidate carries its whole plan (exit actions, transition actions, entry actions, timers) as one
 * list, so that a step is a lookup, a guard and a loop.
 *
 * T1. What the reader does not know is refused when the machine is compiled, with its name and path; nothing is ignored.
 * T2. Order is xstate's: exit, cancel timers, transition actions, entry, arm timers; params and context are evaluated action
 *     by action, so an assign is seen by what follows it.
 */
import type { AnyStateMachine, EventObject, MachineContext, TransitionDefinition } from 'xstate';
import { type CompileOptions, readDelay, readGuard, readSteps } from './compile-parts.ts';
import { Disarm, type GuardTest, type Step } from './compile-steps.ts';
import { type Unknowns, refuse, refuseUnknownKeys } from './compile-refusal.ts';

/** Timers of one life: all belong to its current state. */
export interface TimerCell {
  handles: unknown[];
}

export interface Candidate {
  readonly guard: GuardTest | undefined;
  /** Undefined: stay, without leaving. */
  readonly target: Row | undefined;
  readonly steps: readonly Step[];
}

export interface Row {
  readonly value: string;
  readonly tags: ReadonlySet<string>;
  readonly on: Map<string, readonly Candidate[]>;
  /** Entry steps, for the first state of a life. */
  readonly enter: readonly Step[];
  readonly exit: readonly Step[];
  readonly final: boolean;
  readonly output: unknown;
  /** Type of the event that xstate hands to the machine's own `output`. */
  readonly doneType: string;
}

export interface Table {
  readonly machineId: string;
  readonly context: unknown;
  readonly output: unknown;
  readonly initial: Row;
  readonly rows: ReadonlyMap<string, Row>;
}

const rootKeys = new Set(
  'id description version options context initial output states on meta types schemas'.split(' '),
);
const stateKeys = new Set('id description meta tags type entry exit on after output'.split(' '));
const transitionKeys = new Set(
  'target guard actions reenter description meta source eventType toJSON delay event'.split(' '),
);

type StateLike = AnyStateMachine['root'];
/** By event type, formatted by xstate; delayed ones included. */
type Transitions = Readonly<Record<string, readonly Transition[]>>;
type Transition = TransitionDefinition<MachineContext, EventObject>;

/** Reads a machine; throws an Error naming the feature and its path for anything that cannot be compiled. */
export function readTable(machine: AnyStateMachine, options: CompileOptions): Table {
  const config: Unknowns = machine.config;
  refuseUnknownKeys(machine.id, 'the machine', config, rootKeys);
  const initial = config['initial'];
  if (typeof initial !== 'string') refuse(machine.id, 'initial', 'an initial transition with actions');
  const states = Object.values(machine.root.states);
  const rows = new Map(states.map((state) => [state.key, rowOf(machine, state, options)]));
  const fallback = transitionsOf(machine.root);
  for (const state of states) connect(machine, state, fallback, rows, options);
  const first = rows.get(initial);
  if (first === undefined) throw new Error(`compile ${machine.id}: no initial state`);
  return {
    machineId: machine.id,
    context: config['context'] ?? {},
    output: config['output'],
    initial: first,
    rows,
  };
}

function rowOf(machine: AnyStateMachine, state: StateLike, options: CompileOptions): Row {
  const config: Unknowns = { ...state.config };
  const path = `states.${state.key}`;
  refuseUnknownKeys(machine.id, path, config, stateKeys);
  const type = config['type'] ?? 'atomic';
  const final = type === 'final';
  if (!final && type !== 'atomic') refuse(machine.id, path, `type '${JSON.stringify(type)}'`);
  if (final && (config['on'] !== undefined || config['after'] !== undefined)) {
    refuse(machine.id, path, 'a transition out of a final state');
  }
  const delays = Object.keys(config['after'] ?? {});
  const arms = delays.map((delay) => readDelay(machine, state.id, delay, options));
  return {
    value: state.key,
    tags: new Set(state.tags),
    on: new Map(),
    enter: [...readSteps(machine, `${path}.entry`, config['entry'], options), ...arms],
    exit: [
      ...readSteps(machine, `${path}.exit`, config['exit'], options),
      ...(arms.length === 0 ? [] : [new Disarm()]),
    ],
    final,
    output: config['output'],
    doneType: `xstate.done.state.${state.id}`,
  };
}

/** Fills the row's candidates; those of the machine itself come after the state's own. */
function connect(
  machine: AnyStateMachine,
  state: StateLike,
  fallback: Transitions,
  rows: ReadonlyMap<string, Row>,
  options: CompileOptions,
): void {
  const row = rowOfKey(rows, state.key);
  if (row.final) return;
  const own = transitionsOf(state);
  for (const type of new Set([...Object.keys(own), ...Object.keys(fallback)])) {
    const path = `states.${state.key}.on.${type}`;
    if (type.includes('*')) refuse(machine.id, path, 'a wildcard event');
    const candidate = (transition: Transition, leavesAlways: boolean): Candidate => {
      refuseUnknownKeys(machine.id, path, { ...transition }, transitionKeys);
      if ((transition.target?.length ?? 0) > 1) refuse(machine.id, path, 'several targets');
      const to = transition.target?.[0];
      const leaves = to !== undefined && (leavesAlways || transition.reenter || to.key !== state.key);
      const target = leaves ? rowOfKey(rows, to.key) : undefined;
      const actions = readSteps(machine, path, transition.actions, options);
      return {
        guard: readGuard(machine, path, transition.guard, { state: state.id, event: type }, options),
        target,
        steps: target === undefined ? actions : [...row.exit, ...actions, ...target.enter], // T2
      };
    };
    row.on.set(type, [
      ...(own[type] ?? []).map((transition) => candidate(transition, false)),
      // A transition of the machine leaves the current state even if it targets it.
      ...(fallback[type] ?? []).map((transition) => candidate(transition, true)),
    ]);
  }
}

function transitionsOf(state: StateLike): Transitions {
  return state.on;
}

function rowOfKey(rows: ReadonlyMap<string, Row>, key: string): Row {
  const row = rows.get(key);
  if (row === undefined) throw new Error(`compile: no state '${key}'`);
  return row;
}
