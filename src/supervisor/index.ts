/** OTP supervision for xstate actors: child specs, strategies, intensity, backoff, names, monitors, reports. */
export { exitReason, isAbnormal, type Exit } from './exit.ts';
export {
  checkChildSpecs,
  type AutoShutdown,
  type ChildInfo,
  type ChildSpec,
  type Restart,
  type ShutdownBudget,
  type SomeChildSpec,
  type SupervisorHealth,
} from './child-spec.ts';
export { type SupervisorEnv } from './environment.ts';
export {
  inspectorOf,
  stateName,
  type ActorInspector,
  type ObservedTransition,
  type TransitionObserver,
} from './observer.ts';
export { reportsToLog, type SupervisorReport } from './report.ts';
export { type Strategy } from './strategy.ts';
export { Supervisor, type SupervisorOptions } from './supervisor.ts';
export { DynamicSupervisor, type DynamicSupervisorOptions } from './dynamic-supervisor.ts';
export { Registry, type DeadLetter } from './registry.ts';
export { watch } from './watch.ts';
export { guarded } from './guarded.ts';
export { DeadlineWheel, type Deadline } from './deadlines.ts';
export { Population } from './population.ts';
export { Backoff, type BackoffPolicy } from './backoff.ts';
export { HotSupervisor, type HotActorOf } from './hot-supervisor.ts';
export { createHotActor } from './compile-actor.ts';
export { compileMachine, type CompiledLogicFrom, type Deadlines } from './compile.ts';
