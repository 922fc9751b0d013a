/**
 * Every snapshot a chart can be in, as far as its model distinguishes them, every step between two of them, and paths that
 * take each of the steps.
 */
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { getAdjacencyMap, getShortestPaths } from 'xstate/graph';
import { eventsIn, keyOf, modelled, stateKeyOf, type ChartModel } from './chart-model.ts';

/** Far above what any chart needs: a model that makes a walk infinite fails instead of hanging. */
const traversalMax = 20_000;

export interface ChartStep {
  readonly event: EventObject;
  /** After the event. */
  readonly state: AnyMachineSnapshot;
}

export type ChartGraph = Readonly<
  Record<
    string,
    { readonly state: AnyMachineSnapshot; readonly transitions: Readonly<Record<string, ChartStep>> }
  >
>;

/** A way through a chart from its beginning. */
export interface ChartPath {
  /** Its events, for people. */
  readonly name: string;
  readonly start: AnyMachineSnapshot;
  readonly steps: readonly ChartStep[];
}

function traversal(model: ChartModel) {
  return {
    ...(model.input === undefined ? {} : { input: model.input }),
    limit: traversalMax,
    serializeState: (snapshot: AnyMachineSnapshot) => stateKeyOf(model, snapshot),
    serializeEvent: (event: EventObject) => keyOf(event),
    events: (snapshot: AnyMachineSnapshot) => eventsIn(model, snapshot),
  };
}

export function graphOf(machine: AnyStateMachine, model: ChartModel = {}): ChartGraph {
  return getAdjacencyMap(modelled(machine, model), traversal(model)) as ChartGraph;
}

/**
 * A path for every step of the graph: a shortest way to where the step begins, and then the step. Paths that are the
 * beginning of another are left out.
 */
export function pathsOf(machine: AnyStateMachine, model: ChartModel = {}): readonly ChartPath[] {
  const graph = graphOf(machine, model);
  const shortest = getShortestPaths(modelled(machine, model), traversal(model)) as {
    readonly state: AnyMachineSnapshot;
    readonly steps: readonly ChartStep[];
  }[];
  const start = shortest.find(({ steps }) => stepsAfterInit(steps).length === 0)?.state;
  if (start === undefined) throw new Error(`${machine.id}: the chart has no beginning`);
  const ways = shortest.flatMap(({ state, steps }) => {
    const way = stepsAfterInit(steps);
    const next = Object.values(graph[stateKeyOf(model, state)]?.transitions ?? {});
    return next.length === 0 ? [way] : next.map((step) => [...way, step]);
  });
  const once = new Map(ways.map((steps) => [keyOfSteps(steps), steps]));
  for (const steps of ways)
    steps.slice(1).forEach((_, at) => once.delete(keyOfSteps(steps.slice(0, at + 1))));
  return [...once.values()].map((steps) => ({ name: nameOf(steps), start, steps }));
}

const stepsAfterInit = (steps: readonly ChartStep[]) =>
  steps.filter(({ event }) => event.type !== 'xstate.init');
const keyOfSteps = (steps: readonly ChartStep[]) => keyOf(steps.map(({ event }) => event));
const nameOf = (steps: readonly ChartStep[]) => steps.map(({ event }) => event.type).join(', ');
