/**
 * Hot charts run compiled. A request may cost kas 60 µs and an xstate life costs 40 of them (`design/data-plane.md`), so a
 * flat machine is turned into a table once per process and stepped without the interpreter. The machine in `statecharts/`
 * stays the only definition: what it means here and there is proven equal over all paths by
 * `test/charts/compiled-equality.test.ts`.
 *
 * Compiled: states with entry and exit actions, `on` of states and of the machine, guards, `assign`, named and inline
 * actions with params, `after`, tags, `reenter`, final states with output, the machine's output. Everything else (nested or
 * parallel states, invoke, spawn, always, history, wildcards, raise and other built-in actions, combined guards) is refused.
 *
 * C1. Compiling throws naming the feature and its path; a compiled machine never meets something it does not know.
 * C2. Every action that the chart only names must be provided; `assign`s live in the chart.
 * C3. Events sent from within an action are queued behind the running step (by xstate's mailbox, or the hot actor's queue).
 * C4. A throw ends the life with status `error` and leaves no timer behind.
 */
import type {
  ActorLogic,
  ActorScope,
  AnyActorLogic,
  AnyStateMachine,
  ContextFrom,
  EventFrom,
  EventObject,
  InputFrom,
  OutputFrom,
  StateMachine,
  TagsFrom,
} from 'xstate';
import type { TransitionObserver } from './observer.ts';
import { advance, begin } from './compile-run.ts';
import { BareSnapshot, type CompiledSnapshot } from './compile-snapshot.ts';
import type { ActionArgs, Effect, Host } from './compile-steps.ts';
import { readTable, type Table, type TimerCell } from './compile-table.ts';

/** The part of the `DeadlineWheel` that compiled machines use. */
export interface Deadlines {
  after(ms: number, fn: () => void): unknown;
  cancel(handle: unknown): void;
}

/** What an action or delay of machine `M` gets. `self.send` queues behind the running step. */
export interface CompiledArgs<M extends AnyStateMachine> {
  readonly context: ContextFrom<M>;
  readonly event: EventFrom<M>;
  readonly self: { readonly id: string; send(event: EventFrom<M>): unknown };
}

type Parts<M> =
  M extends StateMachine<
    infer _Context,
    infer _Event,
    infer _Children,
    infer _Actor,
    infer Action,
    infer Guard,
    infer Delay,
    infer _Value,
    infer _Tag,
    infer _Input,
    infer _Output,
    infer _Emitted,
    infer _Meta,
    infer _Schema,
    infer _TransitionMeta
  >
    ? { readonly action: Action; readonly guard: Guard; readonly delay: Delay }
    : never;

type ParamsOf<P extends { readonly type: string }, K> =
  Extract<P, { readonly type: K }> extends {
    readonly params?: infer Params;
  }
    ? Params
    : undefined;

export interface CompileImplementations<M extends AnyStateMachine> {
  /** One for every action the chart only names. */
  readonly actions: {
    readonly [K in Parts<M>['action']['type']]?: (
      args: CompiledArgs<M>,
      params: ParamsOf<Parts<M>['action'], K>,
    ) => void;
  };
  /** In place of the chart's own. */
  readonly guards?: {
    readonly [K in Parts<M>['guard']['type']]?: (
      args: Pick<CompiledArgs<M>, 'context' | 'event'>,
      params: ParamsOf<Parts<M>['guard'], K>,
    ) => boolean;
  };
  /** In place of the chart's own; milliseconds. */
  readonly delays?: { readonly [D in Parts<M>['delay']]?: number | ((args: CompiledArgs<M>) => number) };
  readonly wheel: Deadlines;
  /** Told of each change of state. It must not throw; a throw ends the actor that it was told of. */
  readonly observe?: TransitionObserver | undefined;
}

/** What runs: shared by all actors of one compiled machine. */
export interface Program {
  readonly table: Table;
  readonly wheel: Deadlines;
  readonly observe: TransitionObserver | undefined;
}

/** Logic for `createActor`, and for `createHotActor` which is lighter. */
export interface CompiledLogic<C, E extends EventObject, I, O, T extends string> extends ActorLogic<
  CompiledSnapshot<C, O, T>,
  E,
  I
> {
  readonly program: Program;
}

export type CompiledLogicFrom<M extends AnyStateMachine> = CompiledLogic<
  ContextFrom<M>,
  EventFrom<M>,
  InputFrom<M>,
  OutputFrom<M>,
  TagsFrom<M>
>;

/**
 * Compiles a flat machine, once per process. Throws an Error naming what cannot be compiled or is not implemented (C1, C2).
 */
export function compileMachine<M extends AnyStateMachine>(
  machine: M,
  { actions, guards = {}, delays = {}, wheel, observe }: CompileImplementations<M>,
): CompiledLogicFrom<M> {
  const table = readTable(machine, { actions, guards, delays });
  const logic = logicOf({ table, wheel, observe });
  // The types of this very machine are put on here, once; below, context and events are plain objects.
  return logic as object as CompiledLogicFrom<M>;
}

/** True for what `compileMachine` made, guarded or not. */
export function isCompiled(logic: AnyActorLogic): boolean {
  return 'program' in logic;
}

type BareScope = ActorScope<CompiledSnapshot<object, unknown>, EventObject>;

function logicOf(program: Program) {
  const { table, wheel, observe } = program;
  const tell = (scope: BareScope, from: string, to: string, event: string) =>
    observe?.({ actorId: scope.id, machine: table.machineId, from, to, event });
  return {
    program,
    getInitialSnapshot(scope: BareScope, input: unknown): BareSnapshot {
      const timers: TimerCell = { handles: [] };
      return begin(table, input, new ScopedHost(scope, wheel, timers), timers);
    },
    start(snapshot: BareSnapshot, scope: BareScope): void {
      tell(scope, '', snapshot.value, 'xstate.init');
    },
    transition(snapshot: BareSnapshot, event: EventObject, scope: BareScope): BareSnapshot {
      const timers = BareSnapshot.timersOf(snapshot) ?? { handles: [] };
      if (event.type === 'xstate.stop') {
        cancelAll(wheel, timers);
        return snapshot.ended('stopped');
      }
      try {
        const next = advance(table, snapshot, event, new ScopedHost(scope, wheel, timers));
        if (observe !== undefined && next.value !== snapshot.value) {
          tell(scope, snapshot.value, next.value, event.type);
        }
        return next;
      } catch (error) {
        cancelAll(wheel, timers); // C4
        return snapshot.ended('error', error);
      }
    },
    getPersistedSnapshot({ status, value, context, output, error }: BareSnapshot) {
      return { status, value, context, output, error };
    },
    restoreSnapshot(): never {
      // Its deadlines would not be running; state is rebuilt from the outside (`design/architecture.md`).
      throw new Error(`${table.machineId}: a compiled machine is not restored`);
    },
  };
}

/** Cancels what is armed; safe to repeat. */
export function cancelAll(wheel: Deadlines, timers: TimerCell): void {
  for (const handle of timers.handles) wheel.cancel(handle);
  timers.handles.length = 0;
}

/** A plan's way to the outside when xstate's `createActor` runs it: deferral before the start and inspection are xstate's. */
class ScopedHost implements Host {
  readonly self: BareScope['self'];
  readonly system: BareScope['system'];
  readonly #scope: BareScope;
  readonly #wheel: Deadlines;
  readonly #timers: TimerCell;

  constructor(scope: BareScope, wheel: Deadlines, timers: TimerCell) {
    this.self = scope.self;
    this.system = scope.system;
    this.#scope = scope;
    this.#wheel = wheel;
    this.#timers = timers;
  }

  execute(type: string, args: ActionArgs, params: unknown, exec: Effect): void {
    this.#scope.actionExecutor({ type, info: args as InfoOf<BareScope>, params, exec });
  }

  arm(args: ActionArgs, ms: number, event: EventObject): void {
    const fire = () => this.self.send(event);
    this.execute('xstate.raise', args, { event, id: event.type, delay: ms }, () => {
      this.#timers.handles.push(this.#wheel.after(ms, fire));
    });
  }

  disarm(args: ActionArgs): void {
    this.execute('xstate.cancel', args, undefined, () => cancelAll(this.#wheel, this.#timers));
  }
}

type InfoOf<S extends { actionExecutor: (action: never) => void }> = Parameters<
  S['actionExecutor']
>[0] extends {
  info: infer Info;
}
  ? Info
  : never;
