/**
 * A child as data: what runs, when it is restarted, how long it may take to become ready and to stop. Specs are checked
 * before anything starts; a bad combination is a bug of the author and is refused with words.
 */
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import { checkBackoffPolicy, type BackoffPolicy } from './backoff.ts';
import type { Exit } from './exit.ts';
import { supervisorLimits } from './limits.ts';

/** `permanent`: always started again. `transient`: only after a crash. `temporary`: never. Default `permanent`. */
export type Restart = 'permanent' | 'transient' | 'temporary';

/**
 * What a child gets between `stop.requested` and being stopped: nothing, milliseconds, or as long as it takes. Logic
 * that cannot hear `stop.requested` (promises) should be `brutal`: its signal is aborted at once.
 */
export type ShutdownBudget = 'brutal' | number | 'infinity';

/** Ends the supervisor with `shutdown` when any, or the last, significant child has ended by itself. */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant';

interface CommonSpec {
  /** Unique under its supervisor, `kind:key` or a noun; never a number. */
  readonly id: string;
  readonly restart?: Restart;
  readonly significant?: boolean;
  /** Pause before restarts; without it they are immediate, as in OTP. */
  readonly backoff?: BackoffPolicy;
}

export interface ChildSpec extends CommonSpec {
  readonly logic: AnyActorLogic;
  readonly input?: unknown;
  /** Registered for each life of the child, so that others can address it whichever life it is in. */
  readonly name?: string;
  /** Default 5 s. */
  readonly shutdown?: ShutdownBudget;
  /** `tag` waits until the snapshot has the tag `ready`. Default `started`. */
  readonly ready?: 'started' | 'tag';
  /** Default 30 s. */
  readonly readyMs?: number;
}

/** A supervisor under a supervisor. `supervisor` is called for each life. */
export interface SupervisorSpec extends CommonSpec {
  readonly supervisor: () => AnySupervisor;
  readonly shutdown?: 'infinity';
}

export type SomeChildSpec = ChildSpec | SupervisorSpec;

/** What a parent needs of a nested supervisor, of either kind. */
export interface AnySupervisor {
  readonly id: string;
  readonly autoShutdown: AutoShutdown;
  readonly exit: Promise<Exit>;
  start(): Promise<void>;
  stop(reason?: string): Promise<void>;
  whichChildren(): readonly ChildInfo[];
  health(): SupervisorHealth;
}

/** How a supervisor is, and how near it is to giving up or to being full; for the dashboard. */
export interface SupervisorHealth {
  readonly state: string;
  readonly strategy: string;
  /** Restarts within the last `periodMs`; more than `intensity` end it. */
  readonly restartsInWindow: number;
  readonly intensity: number;
  readonly periodMs: number;
  /** Only where members come and go. */
  readonly population?: { readonly count: number; readonly max: number };
}

/** A child as seen from outside, for the dashboard and the tests. */
export interface ChildInfo {
  readonly id: string;
  readonly kind: 'actor' | 'supervisor';
  /** `waiting`: between two lives. `ended`: over, the spec is kept for a group restart. */
  readonly status: 'starting' | 'running' | 'stopping' | 'waiting' | 'ended';
  readonly restarts: number;
  readonly ref: AnyActorRef | undefined;
  /** Only for supervisors. */
  readonly children: readonly ChildInfo[] | undefined;
  readonly health?: SupervisorHealth | undefined;
}

export function isSupervisorSpec(spec: SomeChildSpec): spec is SupervisorSpec {
  return 'supervisor' in spec;
}

/**
 * All that is wrong with the children of one ordered supervisor, one sentence each; empty when they are sound.
 */
export function checkChildSpecs(
  specs: readonly SomeChildSpec[],
  autoShutdown: AutoShutdown = 'never',
): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const spec of specs) {
    if (seen.has(spec.id)) problems.push(`child "${spec.id}": duplicate id`);
    seen.add(spec.id);
    problems.push(...checkChildSpec(spec));
    if (spec.significant === true && autoShutdown === 'never') {
      problems.push(`child "${spec.id}": significant, but the supervisor never shuts down by itself`);
    }
  }
  if (specs.length > supervisorLimits.orderedChildrenMax) {
    problems.push(
      `${specs.length} children, at most ${supervisorLimits.orderedChildrenMax}: use a DynamicSupervisor`,
    );
  }
  return problems;
}

/** What is wrong with one spec, whoever supervises it. */
export function checkChildSpec(spec: SomeChildSpec): string[] {
  const problems: string[] = [];
  const problem = (text: string) => problems.push(`child "${spec.id}": ${text}`);
  if (spec.id === '') problem('empty id');
  // xstate walks integer-like keys first, which would break every order.
  if (/^\d+$/.test(spec.id)) problem('numeric id');
  if (spec.significant === true && (spec.restart ?? 'permanent') === 'permanent') {
    problem('significant and permanent: it would never end by itself');
  }
  if (spec.backoff !== undefined) {
    if (spec.restart === 'temporary') problem('backoff on a temporary child, which is never restarted');
    checkBackoffPolicy(spec.backoff).forEach(problem);
  }
  if (isSupervisorSpec(spec)) {
    if (spec.shutdown !== undefined && spec.shutdown !== 'infinity') {
      problem('a supervisor must get all the time it needs to stop its children');
    }
    if ('logic' in spec) problem('either logic or supervisor, not both');
  } else {
    if (typeof spec.shutdown === 'number' && !(spec.shutdown >= 0)) problem('negative shutdown budget');
    if (spec.readyMs !== undefined && !(spec.readyMs > 0)) problem('readyMs must be positive');
    if (spec.readyMs !== undefined && spec.ready !== 'tag') problem("readyMs without ready: 'tag'");
    if (spec.name === '') problem('empty name');
  }
  return problems;
}
