/**
 * What became of each object of one run, and what follows from that: which dependants may go on (`spec/agentk.md §5.11, §5.12`),
 * what the inventory holds afterwards (§5.13), how the run ended.
 */
import { idText, type ObjectId } from './object-id.ts';
import type { SyncCounts } from './sync.ts';

export type Strategy = 'apply' | 'prune';
export type Actuation = 'pending' | 'successful' | 'skipped' | 'failed';
export type Reconcile = 'pending' | 'successful' | 'skipped' | 'failed' | 'timeout';

export interface ObjectRecord {
  readonly id: ObjectId;
  readonly key: string;
  readonly strategy: Strategy;
  actuation: Actuation;
  reconcile: Reconcile;
  error: string | undefined;
  /** The call ended without an answer: it may have taken effect. */
  uncertain: boolean;
  /** Something forbids its deletion, so that others may go on needing it. */
  kept: boolean;
  /** Not ours any more, although it is still there. */
  abandoned: boolean;
}

export class RunRecord {
  readonly #objects = new Map<string, ObjectRecord>();
  /** Uids of what this run applied. */
  readonly uids = new Set<string>();

  plan(id: ObjectId, key: string, strategy: Strategy): ObjectRecord {
    const record: ObjectRecord = {
      id,
      key,
      strategy,
      actuation: 'pending',
      reconcile: 'pending',
      error: undefined,
      uncertain: false,
      kept: false,
      abandoned: false,
    };
    this.#objects.set(key, record);
    return record;
  }

  get(key: string): ObjectRecord {
    const record = this.#objects.get(key);
    if (record === undefined) throw new Error(`not an object of this run: ${key}`);
    return record;
  }

  all(): Iterable<ObjectRecord> {
    return this.#objects.values();
  }

  /** Why an object may not be acted on because of those it needs (`apply`) or that need it (`prune`). */
  hindrance(
    strategy: Strategy,
    related: Iterable<string>,
    { waits }: { readonly waits: boolean },
  ): string | undefined {
    const relation = strategy === 'apply' ? 'dependency' : 'dependent';
    const action = strategy === 'apply' ? 'apply' : 'delete';
    for (const key of related) {
      const other = this.#objects.get(key);
      if (other === undefined) continue;
      const name = JSON.stringify(idText(other.id));
      if (other.kept) continue;
      if (other.strategy !== strategy) {
        const scheduled = other.strategy === 'apply' ? 'apply' : 'delete';
        return `${relation} scheduled for ${scheduled}: ${name}`;
      }
      if (other.actuation === 'skipped' || other.actuation === 'failed') {
        return `${relation} ${action} actuation failed: ${name}`;
      }
      if (!waits) continue;
      if (other.reconcile === 'timeout' || other.reconcile === 'failed') {
        const what = other.reconcile === 'timeout' ? 'timeout' : 'failed';
        return `${relation} ${action} reconcile ${what}: ${name}`;
      }
    }
    return undefined;
  }

  counts(): SyncCounts {
    const counts = { applied: 0, pruned: 0, skipped: 0, failed: 0, unreconciled: 0 };
    for (const { strategy, actuation, reconcile } of this.#objects.values()) {
      if (actuation === 'successful') counts[strategy === 'apply' ? 'applied' : 'pruned'] += 1;
      if (actuation === 'skipped') counts.skipped += 1;
      if (actuation === 'failed') counts.failed += 1;
      if (reconcile === 'failed' || reconcile === 'timeout') counts.unreconciled += 1;
    }
    return counts;
  }

  firstFailure(): { readonly id: ObjectId; readonly error: string } | undefined {
    for (const { id, actuation, reconcile, error } of this.#objects.values()) {
      const bad = actuation === 'failed' || reconcile === 'failed' || reconcile === 'timeout';
      if (bad) return { id, error: error ?? 'not reconciled in time' };
    }
    return undefined;
  }
}

/**
 * The keys of the inventory after a run (`spec/agentk.md §5.13`): what was applied, and of what was in it before everything whose end
 * is not certain. Beyond the original, also an apply whose answer was lost: the object may be there. And other than there, what is
 * found to be somebody else's is not named any longer: a cancelled run may have named it, and another policy would delete it.
 */
export function finalInventory(
  previous: { has(key: string): boolean },
  records: Iterable<ObjectRecord>,
): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { key, strategy, actuation, reconcile, uncertain, abandoned } of records) {
    if (abandoned) continue;
    const applied = strategy === 'apply' && actuation === 'successful';
    const open =
      actuation === 'failed' || actuation === 'skipped' || reconcile === 'failed' || reconcile === 'timeout';
    const mayBeThere = strategy === 'apply' && actuation === 'failed' && uncertain;
    if (applied || mayBeThere || (open && previous.has(key))) keys.add(key);
  }
  return keys;
}
