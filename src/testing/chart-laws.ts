/**
 * What must be true of every chart, whatever it describes, found by walking it. A law tells what breaks it, and holds when
 * that is nothing.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { graphOf, type ChartGraph } from './chart-graph.ts';
import { modelled, stateKeyOf, type ChartModel } from './chart-model.ts';
import { nodesOf, tellTransition, transitionsOf, usedNames, type PartKind } from './chart-parts.ts';

export interface ChartLaw {
  /** A sentence about the chart: it reaches each of its states. */
  readonly name: string;
  /** What breaks it, for people. */
  readonly broken: readonly string[];
}

export interface ChartLawOptions {
  /** The event by which a chart is asked to end. */
  readonly stop: string;
  /** Each state that is not an end has exactly one of these tags, or inherits it; no law when there are none. */
  readonly tones: readonly string[];
  /** The most eventless steps a chart may allow itself. */
  readonly iterationsMax: number;
}

/** What the laws look at. */
interface Walked {
  readonly machine: AnyStateMachine;
  readonly model: ChartModel;
  readonly graph: ChartGraph;
  readonly nodes: readonly AnyStateNode[];
  /** Answers each guard gave on the walk. */
  readonly answers: ReadonlyMap<string, ReadonlySet<boolean>>;
  readonly options: ChartLawOptions;
}

const laws: Readonly<Record<string, (walked: Walked) => readonly string[]>> = {
  'reaches each of its states': unreachedStates,
  'takes each of its transitions on some walk': untakenTransitions,
  'has guards that both let pass and hold back': oneSidedGuards,
  'can always still come to its end': deadEnds,
  'hears a request to stop wherever it is': deafStates,
  'ends with a verdict': endsWithoutVerdict,
  'says of each state that is not an end how it is to be taken, in exactly one word': unclearStates,
  'implements what it names and names what it implements': unmatchedNames,
  'names its actions, guards and delays': namelessParts,
  'survives its invokes, whatever becomes of them': openInvokes,
  'listens to no wildcard': wildcards,
  'bounds its eventless steps and says what it is': unbounded,
};

/** All laws, for one chart. */
export function chartLaws(
  machine: AnyStateMachine,
  model: ChartModel = {},
  options: Partial<ChartLawOptions> = {},
): readonly ChartLaw[] {
  const answers = new Map<string, Set<boolean>>();
  const heard = listeningTo(modelled(machine, model), answers);
  const walked: Walked = {
    machine: heard,
    model,
    graph: graphOf(heard, { ...model, guards: {} }),
    nodes: nodesOf(heard.root),
    answers,
    options: { stop: 'stop.requested', tones: [], iterationsMax: 1_000, ...options },
  };
  return Object.entries(laws).map(([name, law]) => ({ name, broken: law(walked) }));
}

type Guard = (args: unknown, params: unknown) => boolean;

/** The machine, with what its guards answer written down. */
function listeningTo(machine: AnyStateMachine, answers: Map<string, Set<boolean>>): AnyStateMachine {
  const guards = Object.entries(machine.implementations.guards).flatMap(([name, guard]) => {
    // Combinations of guards ask the guards they are made of.
    if (typeof guard !== 'function' || 'check' in guard) return [];
    const given = new Set<boolean>();
    answers.set(name, given);
    const listening: Guard = (args, params) => {
      const answer = (guard as Guard)(args, params);
      given.add(answer);
      return answer;
    };
    return [[name, listening] as const];
  });
  return machine.provide({ guards: Object.fromEntries(guards) });
}

const statesIn = ({ graph }: Walked) => Object.values(graph).map(({ state }) => state);

function unreachedStates({ graph, nodes }: Walked): string[] {
  const reached = new Set(Object.values(graph).flatMap(({ state }) => state._nodes.map(({ id }) => id)));
  // A state left at once by an eventless transition is not seen at rest.
  const transient = (node: AnyStateNode) => (node.always ?? []).some(({ guard }) => guard === undefined);
  return nodes
    .filter((node) => (node.type === 'atomic' || node.type === 'final') && !transient(node))
    .flatMap(({ id }) => (reached.has(id) ? [] : [id]));
}

function untakenTransitions({ machine, graph, nodes }: Walked): string[] {
  const taken = new Set<unknown>();
  const failed: string[] = [];
  for (const { state, transitions } of Object.values(graph)) {
    if (state.status === 'error') failed.push(`fails in ${JSON.stringify(state.value)}`);
    for (const { event } of Object.values(transitions))
      for (const transition of machine.getTransitionData(state, event)) taken.add(transition);
  }
  const all = nodes.flatMap(({ transitions }) => [...transitions.values()].flat());
  return [...failed, ...all.filter((transition) => !taken.has(transition)).map(tellTransition)];
}

function oneSidedGuards({ answers }: Walked): string[] {
  return [...answers].flatMap(([name, given]) =>
    given.size === 2 ? [] : [`${name}: ${given.size === 0 ? 'never asked' : `always ${[...given].join()}`}`],
  );
}

/** Keys of the graph from which no finished life can be reached. */
function deadEnds({ model, graph }: Walked): string[] {
  const sources = new Map<string, string[]>();
  for (const [from, { transitions }] of Object.entries(graph)) {
    for (const { state } of Object.values(transitions)) {
      const to = stateKeyOf(model, state);
      sources.set(to, [...(sources.get(to) ?? []), from]);
    }
  }
  const finishing = new Set<string>();
  const todo = Object.entries(graph).flatMap(([key, { state }]) => (state.status === 'done' ? [key] : []));
  for (let key = todo.pop(); key !== undefined; key = todo.pop()) {
    if (finishing.has(key)) continue;
    finishing.add(key);
    todo.push(...(sources.get(key) ?? []));
  }
  return Object.keys(graph).filter((key) => !finishing.has(key));
}

/** A handler whose guards say no is none. */
function deafStates(walked: Walked): string[] {
  const { machine, options } = walked;
  return statesIn(walked).flatMap((state) =>
    state.status === 'active' && machine.getTransitionData(state, { type: options.stop }).length === 0
      ? [JSON.stringify(state.value)]
      : [],
  );
}

function endsWithoutVerdict(walked: Walked): string[] {
  const ends = statesIn(walked).filter(({ status }) => status === 'done');
  if (ends.length === 0) return ['it has no end'];
  return ends.flatMap(({ value, output }) =>
    typeof output === 'object' && output !== null && 'kind' in output && typeof output.kind === 'string'
      ? []
      : [`${JSON.stringify(value)} ends with ${JSON.stringify(output)}`],
  );
}

function unclearStates({ nodes, options: { tones } }: Walked): string[] {
  if (tones.length === 0) return [];
  const tonesOn = (node: AnyStateNode): readonly string[] => [
    ...node.tags.filter((tag) => tones.includes(tag)),
    ...(node.parent === undefined ? [] : tonesOn(node.parent)),
  ];
  return nodes
    .filter(({ type }) => type === 'atomic')
    .flatMap((leaf) => (tonesOn(leaf).length === 1 ? [] : [`${leaf.id}: ${tonesOn(leaf).join() || 'none'}`]));
}

function unmatchedNames({ machine }: Walked): string[] {
  const used = usedNames(machine);
  return (['actions', 'guards', 'delays', 'actors'] as const).flatMap((kind: PartKind) => {
    const has = new Set(Object.keys(machine.implementations[kind === 'actors' ? 'actors' : kind]));
    return [
      ...[...used[kind]].filter((name) => !has.has(name)).map((name) => `${kind}: ${name} is not there`),
      ...[...has].filter((name) => !used[kind].has(name)).map((name) => `${kind}: ${name} is not used`),
    ];
  });
}

/** Parts without a name cannot be provided, drawn or counted. Raising an event is a name by itself. */
function namelessParts({ nodes }: Walked): string[] {
  const nameless = (where: string, actions: unknown) =>
    [actions ?? []]
      .flat()
      .flatMap((action: unknown) =>
        typeof action === 'function' && !('type' in action && action.type === 'xstate.raise')
          ? [`${where}: an action without a name`]
          : [],
      );
  return nodes.flatMap((node) => [
    ...nameless(node.id, node.config.entry),
    ...nameless(node.id, node.config.exit),
    ...Object.keys(node.config.after ?? {}).flatMap((delay) =>
      Number.isNaN(Number(delay)) ? [] : [`${node.id}: a delay of ${delay} ms without a name`],
    ),
    ...transitionsOf(node).flatMap((transition) => [
      ...nameless(tellTransition(transition), transition.actions),
      ...(typeof transition.guard === 'function' && !('check' in transition.guard)
        ? [`${tellTransition(transition)}: a guard without a name`]
        : []),
    ]),
  ]);
}

/**
 * A failure is heard and leads on: to another state, or time does. Where outcomes are told apart, the last branch takes
 * whatever the others did not.
 */
function openInvokes({ nodes }: Walked): string[] {
  return nodes.flatMap((node) =>
    node.invoke.flatMap(({ id, onError, onDone }) => {
      const last = (type: string) => node.transitions.get(`xstate.${type}.actor.${id}`)?.at(-1);
      const open = (type: string) => last(type)?.guard !== undefined;
      const stuck = last('error')?.target === undefined && node.config.after === undefined;
      return [
        ...(onError === undefined || stuck ? [`${node.id}: a failure of ${id} leads nowhere`] : []),
        ...(open('error') ? [`${node.id}: some failures of ${id} lead nowhere`] : []),
        ...(onDone !== undefined && open('done') ? [`${node.id}: some outcomes of ${id} lead nowhere`] : []),
      ];
    }),
  );
}

function wildcards({ nodes }: Walked): string[] {
  return nodes.flatMap(({ id, transitions }) =>
    [...transitions.keys()].flatMap((type) => (type.includes('*') ? [`${id} on ${type}`] : [])),
  );
}

function unbounded({ machine, options: { iterationsMax } }: Walked): string[] {
  const { maxIterations = Number.POSITIVE_INFINITY } = machine.options;
  return [
    ...(maxIterations > iterationsMax ? [`maxIterations: ${maxIterations}`] : []),
    ...(machine.root.description ? [] : ['it has no description']),
  ];
}
