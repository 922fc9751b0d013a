/**
 * What every supervisor needs from the outside, and the one place where observers are made harmless.
 *
 * E1. A report function or transition observer that throws breaks nothing: the throw is counted and reported, and after
 *     `observerFailuresMax` throws the observer is unplugged.
 */
import type { Clock, Random } from '../ports/index.ts';
import type { ActorInspector, TransitionObserver } from './observer.ts';
import { inspectorOf } from './observer.ts';
import { errorText } from './exit.ts';
import { supervisorLimits } from './limits.ts';
import type { Registry } from './registry.ts';
import type { SupervisorReport } from './report.ts';

export interface SupervisorEnv {
  readonly clock: Clock;
  readonly random: Random;
  readonly registry: Registry;
  readonly report: (report: SupervisorReport) => void;
  /** Undefined: nobody looks, and nothing is spent on it. */
  readonly observe?: TransitionObserver | undefined;
  /** Ids of the machines whose transitions are observed; all when absent. */
  readonly observedMachines?: ReadonlySet<string>;
}

/** An environment whose observers cannot hurt. */
export interface SafeEnv {
  readonly clock: Clock;
  readonly random: Random;
  readonly registry: Registry;
  readonly report: (report: SupervisorReport) => void;
  readonly inspect: ActorInspector | undefined;
}

const safe = new WeakMap<SupervisorEnv, SafeEnv>();

/** The safe view of an environment: the same object for the same environment, so failures are counted once. */
export function safeEnvironment(env: SupervisorEnv): SafeEnv {
  const known = safe.get(env);
  if (known !== undefined) return known;
  const report = harmless(env.report, () => {});
  const { observe } = env;
  const observer =
    observe &&
    harmless(observe, (error) => {
      report({
        kind: 'observerFailed',
        at: env.clock.now(),
        supervisor: '',
        childId: undefined,
        reason: errorText(error),
        attempt: 0,
        error,
      });
    });
  const made: SafeEnv = {
    clock: env.clock,
    random: env.random,
    registry: env.registry,
    report,
    inspect: observer && inspectorOf(observer, env.observedMachines),
  };
  safe.set(env, made);
  return made;
}

function harmless<T>(observer: (value: T) => void, onFailure: (error: unknown) => void): (value: T) => void {
  let failures = 0;
  return (value) => {
    if (failures >= supervisorLimits.observerFailuresMax) return;
    try {
      observer(value);
    } catch (error) {
      failures++; // E1
      onFailure(error);
    }
  };
}
