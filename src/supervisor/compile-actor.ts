/**
 * The lightest way to run a compiled machine: no xstate system, no scope, no observers; a queue, a snapshot and timers.
 * For populations where one is born per request; everything that wants a real `ActorRef` uses `createActor` instead.
 *
 * A1. Run to completion: an event sent while a step runs is queued behind it, also during `start`.
 * A2. After the end nothing runs: timers are cancelled, queued and later events are dropped, `onDone` was called once.
 * A3. A throw in a plan ends the life with status `error` and the snapshot before the step; it does not reach the sender.
 */
import type { EventObject } from 'xstate';
import { advance, begin, stillborn } from './compile-run.ts';
import type { BareSnapshot, CompiledSnapshot } from './compile-snapshot.ts';
import type { ActionArgs, Effect, Host } from './compile-steps.ts';
import type { TimerCell } from './compile-table.ts';
import { cancelAll, type CompiledLogic, type Program } from './compile.ts';

export interface HotActor<C, E extends EventObject, O, T extends string = string> {
  readonly id: string;
  /** Runs the entry actions; events sent before wait. Answers itself. */
  start(): this;
  /** False if the event was dropped because the life has ended. */
  send(event: E): boolean;
  readonly snapshot: CompiledSnapshot<C, O, T>;
  getSnapshot(): CompiledSnapshot<C, O, T>;
  /** Ends the life from outside: timers cancelled, no exit actions, status `stopped`, as xstate does it. */
  stop(): void;
}

export interface HotActorOptions<C, I, O, T extends string> {
  readonly id: string;
  readonly input: I;
  /** Told once, last, with status `done` or `error`; not told of `stop`. Must not throw. */
  readonly onDone: (snapshot: CompiledSnapshot<C, O, T>) => void;
}

/** A hot actor, not yet started. */
export function createHotActor<C, E extends EventObject, I, O, T extends string>(
  logic: CompiledLogic<C, E, I, O, T>,
  { id, input, onDone }: HotActorOptions<C, I, O, T>,
): HotActor<C, E, O, T> {
  // The types of the particular machine are put on here, once.
  const done = onDone as (snapshot: object) => void;
  return new CompiledActor(id, logic.program, input, done) as object as HotActor<C, E, O, T>;
}

const stopEvent: EventObject = { type: 'xstate.stop' };

class CompiledActor implements Host {
  readonly id: string;
  readonly self = this;
  readonly system = undefined;
  readonly #program: Program;
  readonly #input: unknown;
  readonly #onDone: (snapshot: BareSnapshot) => void;
  readonly #timers: TimerCell = { handles: [] };
  #snapshot: BareSnapshot | undefined;
  /** Events waiting for the running step, or for the start. */
  #queue: EventObject[] | undefined;
  /** The first state's effects, which run once its context is complete, as on xstate. */
  #deferred: (() => void)[] | undefined;
  #busy = false;

  constructor(id: string, program: Program, input: unknown, onDone: (snapshot: BareSnapshot) => void) {
    this.id = id;
    this.#program = program;
    this.#input = input;
    this.#onDone = onDone;
  }

  get snapshot(): BareSnapshot {
    if (this.#snapshot === undefined) throw new Error(`${this.id} has not been started`);
    return this.#snapshot;
  }

  getSnapshot(): BareSnapshot {
    return this.snapshot;
  }

  start(): this {
    if (this.#snapshot !== undefined || this.#busy) return this;
    this.#busy = true;
    const { table, observe } = this.#program;
    const effects: (() => void)[] = [];
    this.#deferred = effects;
    const first = begin(table, this.#input, this, undefined);
    this.#deferred = undefined;
    observe?.({
      actorId: this.id,
      machine: table.machineId,
      from: '',
      to: first.value,
      event: 'xstate.init',
    });
    this.#settle(first.status === 'error' ? first : runAll(effects, first));
    return this;
  }

  send(event: EventObject): boolean {
    const snapshot = this.#snapshot;
    if (snapshot !== undefined && snapshot.status !== 'active') return false; // A2
    if (snapshot === undefined || this.#busy) {
      (this.#queue ??= []).push(event); // A1
      return true;
    }
    this.#busy = true;
    this.#settle(this.#step(snapshot, event));
    return true;
  }

  stop(): void {
    if (this.#snapshot === undefined && !this.#busy)
      this.#snapshot = stillborn(this.#program.table).ended('stopped');
    this.#queue = undefined;
    this.send(stopEvent);
  }

  execute(_type: string, args: ActionArgs, params: unknown, effect: Effect): void {
    if (this.#deferred === undefined) effect(args, params);
    else this.#deferred.push(() => effect(args, params));
  }

  arm(_args: ActionArgs, ms: number, event: EventObject): void {
    const arm = () => {
      this.#timers.handles.push(this.#program.wheel.after(ms, () => this.send(event)));
    };
    if (this.#deferred === undefined) arm();
    else this.#deferred.push(arm);
  }

  disarm(): void {
    cancelAll(this.#program.wheel, this.#timers);
  }

  /** Takes the result of a step, then the events that waited for it, until nothing waits or the life is over. */
  #settle(result: BareSnapshot): void {
    let snapshot = result;
    while (snapshot.status === 'active') {
      const event = this.#queue?.shift();
      if (event === undefined) break;
      this.#snapshot = snapshot;
      snapshot = this.#step(snapshot, event);
    }
    this.#snapshot = snapshot;
    this.#busy = false;
    if (snapshot.status === 'active') return;
    this.#queue = undefined;
    this.disarm();
    if (snapshot.status !== 'stopped') this.#onDone(snapshot);
  }

  #step(snapshot: BareSnapshot, event: EventObject): BareSnapshot {
    if (event === stopEvent) return snapshot.ended('stopped');
    const { table, observe } = this.#program;
    try {
      const next = advance(table, snapshot, event, this);
      if (observe !== undefined && next.value !== snapshot.value) {
        observe({
          actorId: this.id,
          machine: table.machineId,
          from: snapshot.value,
          to: next.value,
          event: event.type,
        });
      }
      return next;
    } catch (error) {
      return snapshot.ended('error', error); // A3
    }
  }
}

/** The snapshot after its effects: itself, or with status `error` if one threw. */
function runAll(effects: readonly (() => void)[], snapshot: BareSnapshot): BareSnapshot {
  try {
    for (const effect of effects) effect();
    return snapshot;
  } catch (error) {
    return snapshot.ended('error', error); // A3
  }
}
