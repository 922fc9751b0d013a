/**
 * Everything Node would do between two events, done at once: what promises and `process.nextTick` have due. A simulated run
 * does it after each step, so that the order of all reactions follows from the order of the steps.
 *
 * T1. It does nothing inside a reaction of a promise: runs begin on an own turn of the event loop (`onOwnTurn`).
 * T2. `setImmediate` is the one timer the product uses past the Clock, for "after this turn". During a run it plans a
 *     step of the simulation; afterwards it is Node's again.
 */
import { setImmediate as ownTurn } from 'node:timers';

/** Runs on an own turn of the event loop, where {@link finishTurn} works (T1). */
export function onOwnTurn<T>(run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    ownTurn(() => {
      try {
        resolve(run());
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

/** Node's own way to end a turn; it has no public name. */
const endOfTurn = (process as unknown as { readonly _tickCallback: () => void })._tickCallback;

/** Does what is due before the next event. */
export function finishTurn(): void {
  endOfTurn.call(process);
}

/** Puts `plan` in the place of `setImmediate` (T2); answers the way back. */
export function takeImmediates(plan: (run: () => void) => void): () => void {
  const nodes = globalThis.setImmediate;
  const planned = (run: (...args: unknown[]) => void, ...args: unknown[]) => plan(() => run(...args));
  globalThis.setImmediate = Object.assign(planned, nodes);
  return () => {
    globalThis.setImmediate = nodes;
  };
}
