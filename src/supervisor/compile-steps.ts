/**
 * What a plan is made of: assigns, effects, arming and cancelling of timers. A step works on a frame (the run of one plan)
 * and reaches the outside only through the frame's host, which is either xstate's actor or a hot actor.
 */
import type { EventObject } from 'xstate';

/** What actions, guards, params and delays get. */
export interface ActionArgs {
  readonly context: object;
  readonly event: EventObject;
  readonly self: unknown;
  readonly system: unknown;
}

export type Effect = (args: ActionArgs, params: unknown) => void;
export type GuardTest = (context: object, event: EventObject) => boolean;

/** Where a plan runs. */
export interface Host {
  readonly self: unknown;
  readonly system: unknown;
  /** Runs one action, or keeps it for later if the actor has not been started. */
  execute(type: string, args: ActionArgs, params: unknown, effect: Effect): void;
  /** Sends `event` to the actor after `ms`. */
  arm(args: ActionArgs, ms: number, event: EventObject): void;
  disarm(args: ActionArgs): void;
}

/** One run of a plan. */
export class Frame {
  context: object;
  readonly event: EventObject;
  readonly host: Host;

  constructor(context: object, event: EventObject, host: Host) {
    this.context = context;
    this.event = event;
    this.host = host;
  }

  args(): ActionArgs {
    return { context: this.context, event: this.event, self: this.host.self, system: this.host.system };
  }
}

export interface Step {
  run(frame: Frame): void;
}

/** Params of an action or guard: a value, or computed from context and event. */
export type Params =
  | { readonly value: unknown }
  | { readonly of: (args: Pick<ActionArgs, 'context' | 'event'>) => unknown };

export function paramsFor(params: Params, context: object, event: EventObject): unknown {
  return 'of' in params ? params.of({ context, event }) : params.value;
}

export class Run implements Step {
  readonly #type: string;
  readonly #params: Params;
  readonly #effect: Effect;

  constructor(type: string, params: Params, effect: Effect) {
    this.#type = type;
    this.#params = params;
    this.#effect = effect;
  }

  run(frame: Frame): void {
    const params = paramsFor(this.#params, frame.context, frame.event);
    frame.host.execute(this.#type, frame.args(), params, this.#effect);
  }
}

type Assigner = (args: object, params: unknown) => unknown;

export class Assign implements Step {
  readonly #params: Params;
  readonly #whole: Assigner | undefined;
  readonly #fields: readonly (readonly [string, unknown])[];

  constructor(assignment: object, params: Params) {
    this.#params = params;
    this.#whole = typeof assignment === 'function' ? (assignment as Assigner) : undefined;
    this.#fields = this.#whole === undefined ? Object.entries(assignment) : [];
  }

  run(frame: Frame): void {
    const params = paramsFor(this.#params, frame.context, frame.event);
    const { context, event, host } = frame;
    const args = { context, event, self: host.self, system: host.system, spawn: noSpawn };
    if (this.#whole !== undefined) {
      // Spread, not Object.assign: the engine clones an object of a known shape much faster.
      frame.context = { ...frame.context, ...(this.#whole(args, params) as object) };
      return;
    }
    const next: Record<string, unknown> = { ...frame.context };
    for (const [key, value] of this.#fields) {
      next[key] = typeof value === 'function' ? (value as Assigner)(args, params) : value;
    }
    frame.context = next;
  }
}

/** Given where xstate gives `spawn`; a compiled machine cannot have children. */
export function noSpawn(): never {
  throw new Error('a compiled machine cannot spawn');
}

export type Delay = number | ((args: ActionArgs, params: undefined) => unknown);

/** Arms one `after` of the state that is being entered. */
export class Arm implements Step {
  readonly #delay: Delay;
  readonly #event: EventObject;

  constructor(delay: Delay, event: EventObject) {
    this.#delay = delay;
    this.#event = event;
  }

  run(frame: Frame): void {
    const args = frame.args();
    const ms = typeof this.#delay === 'function' ? this.#delay(args, undefined) : this.#delay;
    if (typeof ms !== 'number' || Number.isNaN(ms))
      throw new Error(`${this.#event.type}: not a number of ms`);
    frame.host.arm(args, ms, this.#event);
  }
}

/** Cancels the timers of the state that is being left. */
export class Disarm implements Step {
  run(frame: Frame): void {
    frame.host.disarm(frame.args());
  }
}
