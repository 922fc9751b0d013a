/**
 * Monitoring: one-way news of an actor's end. xstate's own `subscribe` says nothing to a latecomer when the actor was
 * stopped, and `complete` alike for a verdict and for a stop; `watch` tells the three ends apart.
 *
 * M1. `onExit` is called exactly once, or never after unwatching.
 * M2. Also when the actor had ended before: then in a microtask, so that the caller holds its handle first.
 */
import type { AnyActorRef, Snapshot } from 'xstate';
import type { Exit } from './exit.ts';

/**
 * Calls `onExit` when `ref` ends. Answers a function that ends the watching. `onExit` must not throw: it runs inside
 * the ending actor, where an exception surfaces as an uncaught one.
 */
export function watch(ref: AnyActorRef, onExit: (exit: Exit) => void): () => void {
  let deliver: ((exit: Exit) => void) | undefined = onExit;
  const end = (exit: Exit) => {
    const call = deliver;
    deliver = undefined; // M1
    call?.(exit);
  };
  const subscription = ref.subscribe({
    complete: () => end(exitOf(ref.getSnapshot() as Snapshot<unknown>)),
    error: (error: unknown) => end({ kind: 'crashed', error }),
  });
  const snapshot = ref.getSnapshot() as Snapshot<unknown>;
  if (snapshot.status !== 'active') queueMicrotask(() => end(exitOf(snapshot))); // M2
  return () => {
    deliver = undefined;
    subscription.unsubscribe();
  };
}

function exitOf(snapshot: Snapshot<unknown>): Exit {
  switch (snapshot.status) {
    case 'done':
      return { kind: 'normal', output: snapshot.output };
    case 'error':
      return { kind: 'crashed', error: snapshot.error };
    case 'active':
    case 'stopped':
      return { kind: 'shutdown', reason: 'stopped' };
  }
}
