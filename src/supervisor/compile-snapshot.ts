/**
 * The snapshot of a compiled machine: what outsiders may ask of it, in the shape xstate's snapshots have. One is made per
 * step, so it carries only pointers; the row of the table it stands on is hidden from printing and comparing.
 */
import type { Snapshot, SnapshotStatus } from 'xstate';
import type { Row, TimerCell } from './compile-table.ts';

/** A snapshot of a machine compiled from context `C`, output `O` and tags `T`. */
export type CompiledSnapshot<C, O, T extends string = string> = Snapshot<O> & {
  readonly value: string;
  readonly context: C;
  readonly tags: ReadonlySet<T>;
  /** A compiled machine has no children; here because supervisors look. */
  readonly children: Readonly<Record<string, never>>;
  hasTag(tag: T): boolean;
  matches(value: string): boolean;
};

const noChildren: Readonly<Record<string, never>> = Object.freeze({});

/** The snapshot as the compiler handles it: types of a particular machine are put on at its edge. */
export class BareSnapshot {
  readonly status: SnapshotStatus;
  readonly value: string;
  readonly context: object;
  readonly output: unknown;
  readonly error: unknown;
  readonly tags: ReadonlySet<string>;
  readonly children = noChildren;
  readonly #row: Row;
  /** The timers of the whole life, shared by its snapshots. */
  readonly #timers: TimerCell | undefined;

  constructor(
    row: Row,
    status: SnapshotStatus,
    context: object,
    verdict: { readonly output?: unknown; readonly error?: unknown },
    timers: TimerCell | undefined,
  ) {
    this.status = status;
    this.value = row.value;
    this.context = context;
    this.output = verdict.output;
    this.error = verdict.error;
    this.tags = row.tags;
    this.#row = row;
    this.#timers = timers;
  }

  static rowOf(snapshot: BareSnapshot): Row {
    return snapshot.#row;
  }

  static timersOf(snapshot: BareSnapshot): TimerCell | undefined {
    return snapshot.#timers;
  }

  /** The same place in life with another status. */
  ended(status: 'stopped' | 'error', error?: unknown): BareSnapshot {
    return new BareSnapshot(this.#row, status, this.context, { error }, this.#timers);
  }

  hasTag(tag: string): boolean {
    return this.tags.has(tag);
  }

  matches(value: string): boolean {
    return value === this.value;
  }
}
