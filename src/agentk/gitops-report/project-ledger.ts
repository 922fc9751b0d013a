/**
 * What is known of one manifest project, as kas is told it: a pure sum of what its runs said.
 *
 * L1. Bounded: the first objects and failures are kept one by one, the rest is counted.
 * L2. Text comes from clusters and repositories and is made harmless when it comes in.
 */
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  harmlessText,
  ProjectStateSchema,
  SyncAction,
  SyncObjectResult,
  SyncPhase,
  type ProjectState,
} from '../../protocol/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { ObjectId } from '../gitops/object-id.ts';
import type { SyncCounts, SyncEvent, ObjectOutcome, SyncResult } from '../gitops/sync.ts';
import { reportLimits } from './limits.ts';

const phases = {
  planning: SyncPhase.PLANNING,
  applying: SyncPhase.APPLYING,
  waiting: SyncPhase.WAITING,
  pruning: SyncPhase.PRUNING,
  storing: SyncPhase.STORING,
  synced: SyncPhase.SYNCED,
  failed: SyncPhase.FAILED,
  held: SyncPhase.HELD,
  cancelled: SyncPhase.CANCELLED,
} as const;
const actions = { apply: SyncAction.APPLY, prune: SyncAction.PRUNE, wait: SyncAction.WAIT } as const;
const results: Readonly<Record<ObjectOutcome, SyncObjectResult>> = {
  Pending: SyncObjectResult.PENDING,
  Successful: SyncObjectResult.SUCCESSFUL,
  Skipped: SyncObjectResult.SKIPPED,
  Failed: SyncObjectResult.FAILED,
  Timeout: SyncObjectResult.TIMEOUT,
};
const noCounts: SyncCounts = { applied: 0, pruned: 0, skipped: 0, failed: 0, unreconciled: 0 };

interface KnownObject {
  readonly id: ObjectId;
  action: SyncAction;
  result: SyncObjectResult;
  health: string;
  message: string;
}

interface KnownFailure {
  readonly id: ObjectId;
  readonly action: SyncAction;
  readonly error: string;
  lastEvent: string;
}

/** One run, from its first word to its end. */
class Run {
  readonly startedAt: number;
  readonly objects = new Map<string, KnownObject>();
  readonly failures = new Map<string, KnownFailure>();
  readonly phaseMs = new Map<SyncPhase, number>();
  warnings: readonly string[] = [];
  omitted = 0;
  counts: SyncCounts = noCounts;
  phase: SyncPhase = SyncPhase.PLANNING;
  phaseSince: number;
  reason = '';
  endedAt: number | undefined;

  constructor(now: number, monotonic: number) {
    this.startedAt = now;
    this.phaseSince = monotonic;
  }
}

export class ProjectLedger {
  readonly id: string;
  readonly #clock: Clock;
  #run: Run | undefined;
  #runs = 0;
  #commitId = '';
  #synced: { readonly commitId: string; readonly at: number } | undefined;
  #rejected: { readonly commitId: string; readonly reason: string; readonly during: string } | undefined;

  constructor(id: string, clock: Clock) {
    this.id = id;
    this.#clock = clock;
  }

  /** How long the last run took; 0 while it is under way. */
  get lastedMs(): number {
    const { endedAt, startedAt } = this.#run ?? {};
    return endedAt === undefined || startedAt === undefined ? 0 : Math.max(0, endedAt - startedAt);
  }

  /** The objects that failed first in the last run. */
  failing(): readonly ObjectId[] {
    return [...(this.#run?.failures.values() ?? [])].map(({ id }) => id);
  }

  reject(commitId: string, reason: string): void {
    this.#rejected = {
      commitId,
      reason: harmlessText(reason, reportLimits.reasonBytesMax),
      during: this.#commitId,
    };
  }

  note(commitId: string, event: SyncEvent): void {
    const run = this.#underWay(commitId);
    switch (event.type) {
      case 'phase':
        this.#enter(run, phases[event.phase]);
        return;
      case 'apply':
      case 'prune':
      case 'wait':
        this.#outcome(run, event);
        return;
      case 'status': {
        const object = run.objects.get(keyOf(event.id));
        if (object === undefined) return;
        object.health = harmlessText(event.status, 32);
        object.message = harmlessText(event.message, reportLimits.errorBytesMax);
        return;
      }
      case 'warning': {
        const warning = harmlessText(event.reason, reportLimits.errorBytesMax);
        run.warnings = [...run.warnings, warning].slice(-reportLimits.warningsMax);
        return;
      }
      case 'group':
    }
  }

  end(commitId: string, result: SyncResult): void {
    const run = this.#underWay(commitId);
    this.#enter(run, phases[result.kind]);
    run.endedAt = this.#clock.now();
    if (result.kind !== 'cancelled') run.counts = result.counts;
    if (result.kind === 'synced') this.#synced = { commitId, at: run.endedAt };
    if (result.kind === 'failed' || result.kind === 'held') {
      run.reason = harmlessText(result.reason, reportLimits.reasonBytesMax);
    }
    if (result.kind === 'failed' && result.firstFailure !== undefined) {
      const { id, error } = result.firstFailure;
      fail(run, id, SyncAction.UNSPECIFIED, error);
    }
  }

  /** The last Kubernetes Event of a failing object. Answers whether that is news. */
  noteLastEvent(id: ObjectId, text: string): boolean {
    const failure = this.#run?.failures.get(keyOf(id));
    const lastEvent = harmlessText(text, reportLimits.errorBytesMax);
    if (failure === undefined || failure.lastEvent === lastEvent) return false;
    failure.lastEvent = lastEvent;
    return true;
  }

  state(): ProjectState {
    const run = this.#run;
    const common = {
      projectId: this.id,
      commitId: harmlessText(this.#commitId, 128),
      run: BigInt(this.#runs),
      syncedCommitId: harmlessText(this.#synced?.commitId ?? '', 128),
      ...(this.#synced === undefined ? {} : { syncedAt: timestampFromMs(Math.floor(this.#synced.at)) }),
      rejectedCommitId: harmlessText(this.#rejected?.commitId ?? '', 128),
      rejectedReason: this.#rejected?.reason ?? '',
    };
    if (run === undefined) return create(ProjectStateSchema, { ...common, phase: SyncPhase.IDLE });
    return create(ProjectStateSchema, {
      ...common,
      phase: run.phase,
      startedAt: timestampFromMs(Math.floor(run.startedAt)),
      ...(run.endedAt === undefined ? {} : { endedAt: timestampFromMs(Math.floor(run.endedAt)) }),
      counts: run.counts,
      reason: run.reason,
      failures: [...run.failures.values()].map(({ id, action, error, lastEvent }) => ({
        object: refOf(id),
        action,
        error,
        lastEvent,
      })),
      phases: [...run.phaseMs].map(([phase, ms]) => ({ phase, duration: durationFromMs(Math.round(ms)) })),
      objects: [...run.objects.values()].map(({ id, action, result, health }) => ({
        object: refOf(id),
        action,
        result,
        health,
      })),
      objectsOmitted: run.omitted,
      warnings: [...run.warnings],
    });
  }

  #underWay(commitId: string): Run {
    const run = this.#run;
    if (run !== undefined && run.endedAt === undefined && commitId === this.#commitId) return run;
    // A commit that could be read came after the one that could not.
    if (this.#rejected !== undefined && this.#rejected.during !== commitId) this.#rejected = undefined;
    this.#commitId = commitId;
    this.#runs += 1;
    return (this.#run = new Run(this.#clock.now(), this.#clock.monotonic()));
  }

  #enter(run: Run, phase: SyncPhase): void {
    const now = this.#clock.monotonic();
    run.phaseMs.set(run.phase, (run.phaseMs.get(run.phase) ?? 0) + now - run.phaseSince);
    run.phase = phase;
    run.phaseSince = now;
  }

  #outcome(run: Run, event: Extract<SyncEvent, { readonly type: 'apply' | 'prune' | 'wait' }>): void {
    const { type, id, status, error } = event;
    const key = keyOf(id);
    const known = run.objects.get(key);
    const action = actions[type];
    const result = results[status];
    if (known !== undefined) Object.assign(known, { action, result });
    else if (run.objects.size < reportLimits.objectsMax) {
      run.objects.set(key, { id, action, result, health: '', message: '' });
    } else if (type !== 'wait') run.omitted += 1; // L1
    const counted = countOf(type, status);
    if (counted !== undefined) run.counts = { ...run.counts, [counted]: run.counts[counted] + 1 };
    if (status !== 'Failed' && status !== 'Timeout') return;
    const lately =
      known === undefined || known.message === '' ? known?.health : `${known.health}: ${known.message}`;
    fail(run, id, action, error ?? (lately === undefined || lately === '' ? status : lately));
  }
}

function fail(run: Run, id: ObjectId, action: SyncAction, error: string): void {
  const key = keyOf(id);
  if (run.failures.has(key) || run.failures.size >= reportLimits.failuresMax) return;
  run.failures.set(key, {
    id,
    action,
    error: harmlessText(error, reportLimits.errorBytesMax),
    lastEvent: '',
  });
}

function countOf(type: 'apply' | 'prune' | 'wait', status: ObjectOutcome): keyof SyncCounts | undefined {
  if (type === 'wait') return status === 'Failed' || status === 'Timeout' ? 'unreconciled' : undefined;
  if (status === 'Successful') return type === 'apply' ? 'applied' : 'pruned';
  return status === 'Skipped' ? 'skipped' : status === 'Failed' ? 'failed' : undefined;
}

function keyOf({ group, kind, namespace, name }: ObjectId): string {
  return `${group}/${kind}/${namespace}/${name}`;
}

function refOf({ group, kind, namespace, name }: ObjectId) {
  return {
    group: harmlessText(group, 253),
    kind: harmlessText(kind, 253) || 'unknown',
    namespace: harmlessText(namespace, 253),
    name: harmlessText(name, 512) || 'unknown',
  };
}
