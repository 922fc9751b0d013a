/** Reading the actions and guards a machine names into steps and tests; see `compile-table.ts` for the whole. */
import type { AnyStateMachine } from 'xstate';
import { refuse, toList } from './compile-refusal.ts';
import {
  type ActionArgs,
  Arm,
  Assign,
  type Delay,
  type GuardTest,
  type Params,
  Run,
  type Step,
  paramsFor,
} from './compile-steps.ts';

/** The implementations, as the reader sees them. */
export interface CompileOptions {
  readonly actions: Readonly<Record<string, unknown>>;
  readonly guards: Readonly<Record<string, unknown>>;
  readonly delays: Readonly<Record<string, unknown>>;
}

type Callable = (args: object, params: unknown) => unknown;

const noParams: Params = { value: undefined };

/** The steps of a list of actions; refuses built-in actions other than `assign` and actions nobody implements. */
export function readSteps(
  machine: AnyStateMachine,
  path: string,
  actions: unknown,
  options: CompileOptions,
): Step[] {
  return toList(actions).map((action) => readStep(machine, path, action, options));
}

function readStep(machine: AnyStateMachine, path: string, action: unknown, options: CompileOptions): Step {
  if (isCallable(action)) return stepOf(machine, path, action.name || '(anonymous)', action, noParams);
  const { type, params } = reference(machine, path, action);
  const provided = options.actions[type] ?? builtIn(machine.implementations.actions[type]);
  if (!isCallable(provided))
    throw new Error(`compile ${machine.id}: action '${type}' (${path}) is not provided`);
  return stepOf(machine, path, type, provided, params);
}

/** An action of the chart itself counts as implemented only if xstate gives it meaning: the others are placeholders. */
function builtIn(action: unknown): unknown {
  return isCallable(action) && 'resolve' in action ? action : undefined;
}

function stepOf(
  machine: AnyStateMachine,
  path: string,
  type: string,
  action: Callable,
  params: Params,
): Step {
  if (!('resolve' in action)) return new Run(type, params, action);
  const assignment = 'assignment' in action ? action.assignment : undefined;
  const known = 'type' in action && action.type === 'xstate.assign' && typeof assignment === 'function';
  if (known || (typeof assignment === 'object' && assignment !== null)) return new Assign(assignment, params);
  return refuse(machine.id, path, `action '${'type' in action ? String(action.type) : type}'`);
}

/** The test of a guard; an error in it is told with its name, event and state, as xstate does. */
export function readGuard(
  machine: AnyStateMachine,
  path: string,
  guard: unknown,
  where: { readonly state: string; readonly event: string },
  options: CompileOptions,
): GuardTest | undefined {
  if (guard === undefined) return undefined;
  const { type, params } = isCallable(guard)
    ? { type: '', params: noParams }
    : reference(machine, path, guard);
  const test = isCallable(guard) ? guard : (options.guards[type] ?? machine.implementations.guards[type]);
  if (!isCallable(test))
    throw new Error(`compile ${machine.id}: guard '${type}' (${path}) has no implementation`);
  if ('check' in test) refuse(machine.id, path, 'a combined guard');
  const name = type === '' ? '' : `'${type}' `;
  return (context, event) => {
    try {
      return Boolean(test({ context, event }, paramsFor(params, context, event)));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `Unable to evaluate guard ${name}in transition for event '${where.event}' in state node '${where.state}':\n${reason}`,
        { cause: error },
      );
    }
  };
}

/** The arming of one key of `after`: a named delay or a number of milliseconds. */
export function readDelay(
  machine: AnyStateMachine,
  stateId: string,
  key: string,
  options: CompileOptions,
): Step {
  const ms = Number(key);
  const numeric = !Number.isNaN(ms);
  const delay: unknown = numeric ? ms : (options.delays[key] ?? machine.implementations.delays[key]);
  if (typeof delay !== 'number' && typeof delay !== 'function') {
    throw new Error(`compile ${machine.id}: delay '${key}' (${stateId}) has no implementation`);
  }
  return new Arm(delay as Delay, { type: `xstate.after.${numeric ? ms : key}.${stateId}` });
}

function reference(machine: AnyStateMachine, path: string, value: unknown): { type: string; params: Params } {
  if (typeof value === 'string') return { type: value, params: noParams };
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string') {
    return refuse(machine.id, path, 'an action or guard without a name');
  }
  const params = 'params' in value ? value.params : undefined;
  if (typeof params !== 'function') return { type: value.type, params: { value: params } };
  return {
    type: value.type,
    params: { of: params as (args: Pick<ActionArgs, 'context' | 'event'>) => unknown },
  };
}

function isCallable(value: unknown): value is Callable {
  return typeof value === 'function';
}
