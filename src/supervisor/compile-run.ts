/**
 * Running a table: the first snapshot of a life, and one step of it. Pure apart from what the plans do through their host.
 * The caller decides what a throw means (xstate's actor and the hot actor both end the life with status `error`).
 */
import type { EventObject } from 'xstate';
import { BareSnapshot } from './compile-snapshot.ts';
import { Frame, type Host, noSpawn } from './compile-steps.ts';
import type { Candidate, Row, Table, TimerCell } from './compile-table.ts';

const nothing = {};

/** The first snapshot: context from input, entry actions of the initial state. A throw gives one with status `error`. */
export function begin(table: Table, input: unknown, host: Host, timers: TimerCell | undefined): BareSnapshot {
  const event: EventObject & { input: unknown } = { type: 'xstate.init', input };
  let snapshot = stillborn(table);
  try {
    const frame = new Frame(contextOf(table, input, host), event, host);
    snapshot = new BareSnapshot(table.initial, 'active', frame.context, nothing, timers);
    for (const step of table.initial.enter) step.run(frame);
    return arrive(table, table.initial, frame, timers);
  } catch (error) {
    return snapshot.ended('error', error);
  }
}

/** The snapshot of a life that did not begin. */
export function stillborn(table: Table): BareSnapshot {
  return new BareSnapshot(table.initial, 'active', nothing, nothing, undefined);
}

function contextOf(table: Table, input: unknown, host: Host): object {
  if (typeof table.context !== 'function') return table.context as object;
  const made: unknown = (table.context as (args: object) => unknown)({
    input,
    self: host.self,
    spawn: noSpawn,
  });
  return { ...(made as object) };
}

/** One step; the same snapshot if the event changes nothing. */
export function advance(table: Table, snapshot: BareSnapshot, event: EventObject, host: Host): BareSnapshot {
  const candidates = BareSnapshot.rowOf(snapshot).on.get(event.type);
  if (candidates === undefined) return snapshot;
  for (const candidate of candidates) {
    if (candidate.guard === undefined || candidate.guard(snapshot.context, event)) {
      return take(table, candidate, snapshot, event, host);
    }
  }
  return snapshot;
}

function take(
  table: Table,
  candidate: Candidate,
  snapshot: BareSnapshot,
  event: EventObject,
  host: Host,
): BareSnapshot {
  const frame = new Frame(snapshot.context, event, host);
  for (const step of candidate.steps) step.run(frame);
  const timers = BareSnapshot.timersOf(snapshot);
  if (candidate.target !== undefined) return arrive(table, candidate.target, frame, timers);
  if (frame.context === snapshot.context) return snapshot;
  return new BareSnapshot(BareSnapshot.rowOf(snapshot), 'active', frame.context, nothing, timers);
}

function arrive(table: Table, row: Row, frame: Frame, timers: TimerCell | undefined): BareSnapshot {
  if (!row.final) return new BareSnapshot(row, 'active', frame.context, nothing, timers);
  const output = verdict(table, row, frame);
  for (const step of row.exit) step.run(frame);
  return new BareSnapshot(row, 'done', frame.context, { output }, timers);
}

/** The machine's `output`, computed from the final state's own as xstate does. */
function verdict(table: Table, row: Row, frame: Frame): unknown {
  if (table.output === undefined) return undefined;
  const ofState = resolve(row.output, frame, frame.event);
  return resolve(table.output, frame, { type: row.doneType, output: ofState });
}

function resolve(mapper: unknown, frame: Frame, event: object): unknown {
  if (typeof mapper !== 'function') return mapper;
  const mapping = mapper as (args: object) => unknown;
  return mapping({ context: frame.context, event, self: frame.host.self });
}
