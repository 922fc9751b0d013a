/** Every snapshot a chart can be in, as far as its model distinguishes them, and every step between two of them. */
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { getAdjacencyMap, getShortestPaths } from 'xstate/graph';
import type { ChartModel, Fields } from './chart-model.ts';
import { chartModels, eventsOf } from './models.ts';

/** Far above what any chart needs: a model that makes a walk infinite fails instead of hanging. */
const traversalMax = 20_000;

/** A key for a value that may hold bigints and errors. */
export function keyOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? `${part}n` : part instanceof Error ? part.message : part,
  );
}

function optionsOf(model: ChartModel) {
  return {
    ...(model.input === undefined ? {} : { input: model.input }),
    limit: traversalMax,
    serializeState: ({ value, status, context }: AnyMachineSnapshot) =>
      keyOf([value, status, model.project?.(context as Fields)]),
    serializeEvent: (event: EventObject) => keyOf(event),
    events: (snapshot: AnyMachineSnapshot) => {
      if (snapshot.status !== 'active') return [];
      const types = new Set(
        snapshot._nodes.flatMap(({ ownEvents, transitions }) => [...ownEvents, ...transitions.keys()]),
      );
      return eventsOf(model, types, snapshot.context as Fields);
    },
  };
}

export function modelOf(name: string): ChartModel {
  return chartModels[name] ?? {};
}

/** The machine with the guards that its model answers for the actor. */
export function modelled(name: string, machine: AnyStateMachine): AnyStateMachine {
  return machine.provide({ guards: modelOf(name).guards ?? {} });
}

export interface Step {
  readonly event: EventObject;
  readonly state: AnyMachineSnapshot;
}
export type Graph = Readonly<
  Record<string, { readonly state: AnyMachineSnapshot; readonly transitions: Readonly<Record<string, Step>> }>
>;

export function graphOf(name: string, machine: AnyStateMachine): Graph {
  return getAdjacencyMap(machine, optionsOf(modelOf(name))) as Graph;
}

/** The events of every path: for each edge of the graph, a shortest way to its source and then the edge. */
export function pathsOf(name: string, machine: AnyStateMachine): EventObject[][] {
  const options = optionsOf(modelOf(name));
  const shortest = getShortestPaths(machine, options) as {
    readonly state: AnyMachineSnapshot;
    readonly steps: readonly { readonly event: EventObject }[];
  }[];
  return shortest.flatMap(({ state, steps }) => {
    const way = steps.map(({ event }) => event).filter(({ type }) => type !== 'xstate.init');
    return [way, ...options.events(state).map((event) => [...way, event])];
  });
}

/** The keys of a graph, as the graph's own states are keyed. */
export function stateKeyOf(name: string, snapshot: AnyMachineSnapshot): string {
  return optionsOf(modelOf(name)).serializeState(snapshot);
}
