/**
 * One flat machine in its three forms: interpreted by xstate, compiled under xstate's `createActor`, compiled as a hot actor.
 * Each has its own virtual clock and writes down every action it runs, so that lives can be compared step by step.
 */
import { type AnyStateMachine, type EventObject, createActor } from 'xstate';
import { type Deadlines, compileMachine, createHotActor } from '../../src/supervisor/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

export interface Life {
  readonly form: string;
  send(event: EventObject): void;
  advance(ms: number): void;
  /** Everything an outsider can see. */
  sight(): Sight;
  /** Every action run so far, with its params and the context it saw. */
  readonly trace: readonly Action[];
  stop(): void;
}

export interface Action {
  readonly type: string;
  readonly params: unknown;
  readonly context: unknown;
  readonly event: string;
}

export interface Sight {
  readonly status: string;
  readonly value: unknown;
  readonly context: unknown;
  readonly output: unknown;
  readonly error: string | undefined;
  readonly tags: readonly string[];
  readonly timers: number;
}

/** What an action does besides being written down: send events back (synchronous answers), or throw. */
export type Reaction = (action: Action, count: number, send: (event: EventObject) => void) => void;

interface Snapshot {
  readonly status: string;
  readonly value: unknown;
  readonly context: unknown;
  readonly output: unknown;
  readonly error: unknown;
  readonly tags: ReadonlySet<string>;
}

interface Args {
  readonly context: unknown;
  readonly event: EventObject;
  readonly self: { send(event: EventObject): unknown };
}

/** Names that the chart leaves to its actor. */
function placeholders(machine: AnyStateMachine): string[] {
  const entries = Object.entries(machine.implementations.actions);
  return entries.flatMap(([name, action]) => ('resolve' in (action as object) ? [] : [name]));
}

function recorder(machine: AnyStateMachine, reaction: Reaction) {
  const trace: Action[] = [];
  const actionOf = (type: string) => (args: Args, params: unknown) => {
    const action = { type, params, context: args.context, event: args.event.type };
    trace.push(action);
    reaction(action, trace.length, (event) => args.self.send(event));
  };
  return { trace, actions: Object.fromEntries(placeholders(machine).map((name) => [name, actionOf(name)])) };
}

function sightOf(snapshot: Snapshot, clock: VirtualClock): Sight {
  const { status, value, context, output, error, tags } = snapshot;
  const text =
    error instanceof Error ? error.message : error === undefined ? undefined : JSON.stringify(error);
  return { status, value, context, output, error: text, tags: [...tags], timers: clock.pending };
}

function exact(clock: VirtualClock): Deadlines {
  return {
    after: (ms, fn) => clock.setTimeout(fn, ms),
    cancel: (handle) => clock.clearTimeout(handle),
  };
}

export function interpreted(machine: AnyStateMachine, input: object, reaction: Reaction = () => {}): Life {
  const clock = new VirtualClock();
  const { trace, actions } = recorder(machine, reaction);
  const actor = createActor(machine.provide({ actions }), { id: 'subject', input, clock });
  return livingAs('xstate', actor, clock, trace);
}

export function compiled(machine: AnyStateMachine, input: object, reaction: Reaction = () => {}): Life {
  const clock = new VirtualClock();
  const { trace, actions } = recorder(machine, reaction);
  const logic = compileMachine(machine, { actions, wheel: exact(clock) });
  const actor = createActor(logic, { id: 'subject', input, clock });
  return livingAs('compiled', actor, clock, trace);
}

interface RootActor {
  start(): unknown;
  stop(): unknown;
  send(event: EventObject): void;
  getSnapshot(): unknown;
  subscribe(observer: { error: () => void }): unknown;
}

function livingAs(form: string, actor: RootActor, clock: VirtualClock, trace: readonly Action[]): Life {
  actor.subscribe({ error: () => {} });
  actor.start();
  const snapshot = () => actor.getSnapshot() as Snapshot;
  return {
    form,
    trace,
    // xstate warns about events to the dead.
    send: (event) => snapshot().status === 'active' && actor.send(event),
    advance: (ms) => clock.advance(ms),
    sight: () => sightOf(snapshot(), clock),
    stop: () => void actor.stop(),
  };
}

export function hot(machine: AnyStateMachine, input: object, reaction: Reaction = () => {}): Life {
  const clock = new VirtualClock();
  const { trace, actions } = recorder(machine, reaction);
  const logic = compileMachine(machine, { actions, wheel: exact(clock) });
  let ends = 0;
  const actor = createHotActor(logic, { id: 'subject', input, onDone: () => ends++ });
  actor.start();
  return {
    form: 'hot',
    trace,
    send: (event) => void actor.send(event),
    advance: (ms) => clock.advance(ms),
    sight: () => {
      const { status } = actor.snapshot;
      if (ends !== (status === 'done' || status === 'error' ? 1 : 0))
        throw new Error(`onDone called ${ends} times`);
      return sightOf(actor.snapshot, clock);
    },
    stop: () => actor.stop(),
  };
}

export const forms = [interpreted, compiled, hot] as const;
