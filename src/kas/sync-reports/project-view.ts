/**
 * The state of a manifest project as kas keeps and shows it: plain, and with every text of the agent made harmless, because what is in
 * it comes from clusters and repositories.
 */
import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';
import { durationMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { harmlessText, type ObjectRef, type ProjectState, type SyncPhase } from '../../protocol/index.ts';
import { reportLimits } from './limits.ts';

export interface FailureView {
  readonly object: string;
  readonly action: string;
  readonly error: string;
  readonly lastEvent: string;
}

export interface ObjectView {
  readonly object: string;
  readonly action: string;
  readonly result: string;
  readonly health: string;
}

export interface ProjectView {
  readonly project: string;
  readonly commit: string;
  readonly phase: PhaseName;
  readonly run: number;
  /** Milliseconds since the epoch, by the clock of the agent. */
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly counts: {
    readonly applied: number;
    readonly pruned: number;
    readonly skipped: number;
    readonly failed: number;
    readonly unreconciled: number;
  };
  readonly reason: string;
  readonly failures: readonly FailureView[];
  readonly phasesMs: Readonly<Record<string, number>>;
  readonly syncedCommit: string;
  readonly syncedAt: number | undefined;
  readonly rejectedCommit: string;
  readonly rejectedReason: string;
  readonly warnings: readonly string[];
  readonly objects: readonly ObjectView[];
  readonly objectsHidden: number;
}

/** By number on the wire; the first stands for all that only newer agents know. */
export const allPhases = [
  'unknown',
  'idle',
  'planning',
  'applying',
  'waiting',
  'pruning',
  'storing',
  'synced',
  'failed',
  'held',
  'cancelled',
] as const;
export type PhaseName = (typeof allPhases)[number];

const actionNames: readonly string[] = ['', 'apply', 'prune', 'wait'];
const resultNames: readonly string[] = ['', 'Pending', 'Successful', 'Skipped', 'Failed', 'Timeout'];

const noCounts = { applied: 0, pruned: 0, skipped: 0, failed: 0, unreconciled: 0 };
const { nameBytesMax, errorBytesMax, reasonBytesMax } = reportLimits;
const name = (text: string) => harmlessText(text, nameBytesMax);

export function viewOf(state: ProjectState): ProjectView {
  const { applied, pruned, skipped, failed, unreconciled } = state.counts ?? noCounts;
  return {
    project: name(state.projectId),
    commit: name(state.commitId),
    phase: phaseName(state.phase),
    run: Number(state.run),
    startedAt: ms(state.startedAt),
    endedAt: ms(state.endedAt),
    counts: { applied, pruned, skipped, failed, unreconciled },
    reason: harmlessText(state.reason, reasonBytesMax),
    failures: state.failures.map(({ object, action, error, lastEvent }) => ({
      object: refText(object),
      action: actionNames[action] ?? '',
      error: harmlessText(error, errorBytesMax),
      lastEvent: harmlessText(lastEvent, errorBytesMax),
    })),
    phasesMs: Object.fromEntries(
      state.phases.map(({ phase, duration }) => [phaseName(phase), lasted(duration)]),
    ),
    syncedCommit: name(state.syncedCommitId),
    syncedAt: ms(state.syncedAt),
    rejectedCommit: name(state.rejectedCommitId),
    rejectedReason: harmlessText(state.rejectedReason, reasonBytesMax),
    warnings: state.warnings.map((warning) => harmlessText(warning, errorBytesMax)),
    objects: state.objects.map(({ object, action, result, health }) => ({
      object: refText(object),
      action: actionNames[action] ?? '',
      result: resultNames[result] ?? '',
      health: harmlessText(health, 32),
    })),
    objectsHidden: state.objectsOmitted,
  };
}

/** The same without its objects, which are counted. */
export function withoutObjects(view: ProjectView): ProjectView {
  return { ...view, objects: [], objectsHidden: view.objectsHidden + view.objects.length };
}

/** About how much memory it takes. */
export function bytesOf(view: ProjectView): number {
  const texts = [
    ...view.failures.flatMap(({ object, error, lastEvent }) => [object, error, lastEvent]),
    ...view.warnings,
    ...view.objects.map(({ object }) => object),
    view.project,
    view.reason,
    view.rejectedReason,
  ];
  return texts.reduce((sum, { length }) => sum + 2 * length + 64, 1_024);
}

/** Objects that are as they should be are the least interesting. */
export function isSettled({ result, health }: ObjectView): boolean {
  return result === 'Successful' && (health === 'Current' || health === 'NotFound' || health === '');
}

function phaseName(phase: SyncPhase): PhaseName {
  return allPhases[phase] ?? 'unknown';
}

/** `apps/Deployment shop/web`. */
function refText(ref: ObjectRef | undefined): string {
  if (ref === undefined) return '';
  const { group, kind, namespace } = ref;
  const type = group === '' ? kind : `${group}/${kind}`;
  return name(namespace === '' ? `${type} ${ref.name}` : `${type} ${namespace}/${ref.name}`);
}

function ms(at: Timestamp | undefined): number | undefined {
  return at === undefined ? undefined : Math.floor(timestampMs(at));
}

function lasted(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Math.max(0, Math.floor(durationMs(duration)));
}
