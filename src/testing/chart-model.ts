/**
 * What must be told of a chart so that it can be walked: an input, payloads that reach every branch of every guard, and the
 * finite part of the context that guards and delays look at. A chart of which nothing is told is walked with bare events
 * and by state value alone.
 */
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';

/** A context, seen from outside its chart. */
export type Fields = Readonly<Record<string, unknown>>;

/** Payload variants by event type; a type that is named with no variants is not sent in this context. */
export type Payloads = Readonly<Record<string, readonly object[]>>;

export interface ChartModel {
  readonly input?: object;
  /** Given the context of the state the events are sent in. */
  readonly payloads?: (context: Fields) => Payloads;
  /** In place of guards that only the actor can answer. */
  readonly guards?: Readonly<Record<string, (args: { readonly context: Fields }) => boolean>>;
  /** What distinguishes two snapshots with the same state value. */
  readonly project?: (context: Fields) => unknown;
}

/** The machine with the guards that its model answers for the actor. */
export function modelled(machine: AnyStateMachine, model: ChartModel): AnyStateMachine {
  return model.guards === undefined ? machine : machine.provide({ guards: model.guards });
}

/** The events a walk sends in a state: every variant of every type. */
export function eventsOf(model: ChartModel, types: Iterable<string>, context: Fields): EventObject[] {
  const payloads = model.payloads?.(context) ?? {};
  return [...types].flatMap((type) =>
    (payloads[type] ?? [defaultPayload(type)]).map((one) => ({ ...one, type })),
  );
}

/** Every variant of every type that some active state handles. */
export function eventsIn(model: ChartModel, snapshot: AnyMachineSnapshot): EventObject[] {
  if (snapshot.status !== 'active') return [];
  const types = new Set(
    snapshot._nodes.flatMap(({ ownEvents, transitions }) => [...ownEvents, ...transitions.keys()]),
  );
  return eventsOf(model, types, snapshot.context as Fields);
}

function defaultPayload(type: string): object {
  if (type.startsWith('xstate.error.')) return { error: new Error('failed') };
  if (type.startsWith('xstate.done.')) return { output: undefined };
  return {};
}

/** A key for a value that may hold bigints and errors. */
export function keyOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? `${part}n` : part instanceof Error ? part.message : part,
  );
}

/** What tells two snapshots of a walk apart. */
export function stateKeyOf(model: ChartModel, snapshot: AnyMachineSnapshot): string {
  const { value, status, context } = snapshot;
  return keyOf([value, status, model.project?.(context as Fields)]);
}
