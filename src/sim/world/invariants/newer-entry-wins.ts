import type { Scene } from '../scene.ts';
import type { Invariant } from './invariant.ts';

/** Entries and farewells are kept for so long (`spec/wire.md §8`). */
const ttlMs = 300_000;

interface Newest {
  readonly atMs: number;
  readonly incarnation: number;
  readonly farewell: boolean;
}

const newest = new WeakMap<Scene, Map<string, Newest>>();
/** Until when a store may show what it had before it took over, which nobody knows. */
const unknownUntilMs = new WeakMap<Scene, number>();

export const newerEntryWins: Invariant = {
  id: 'newer-entry-wins',
  reason:
    'Writes overtake each other: a late word of an older life must not hide the pod that lives, nor bring back a dead one.',
  stored(scene, write) {
    const atMs = scene.kernel.nowMs;
    if (write.kind === 'tookOver') unknownUntilMs.set(scene, atMs + ttlMs);
    if (write.kind === 'emptied') unknownUntilMs.delete(scene);
    if (write.kind === 'emptied' || write.kind === 'tookOver') return void newest.delete(scene);
    let entries = newest.get(scene);
    if (entries === undefined) newest.set(scene, (entries = new Map()));
    const key = `${write.agentId} ${write.connectionId}`;
    const before = entries.get(key);
    if (before === undefined && write.kind === 'farewell') return; // there is nothing to end
    if (before === undefined || before.atMs + ttlMs <= atMs || !isOlder(write, before))
      return void entries.set(key, {
        atMs: write.kind === 'farewell' ? (before?.atMs ?? atMs) : atMs,
        incarnation: write.incarnation,
        farewell: write.kind === 'farewell',
      });
    if (atMs < (unknownUntilMs.get(scene) ?? 0)) return;
    const { shown } = write;
    const overtaken = `${write.kind} ${write.incarnation} came after ${before.farewell ? 'the farewell of ' : ''}${before.incarnation}`;
    if (before.farewell ? shown !== undefined : shown !== before.incarnation)
      scene.fail(this, `of agent ${write.agentId} the directory shows ${shown ?? 'nothing'}: ${overtaken}`);
  },
};

/** A farewell also ends its own incarnation. */
function isOlder({ incarnation }: { readonly incarnation: number }, before: Newest): boolean {
  return incarnation < before.incarnation || (before.farewell && incarnation === before.incarnation);
}
