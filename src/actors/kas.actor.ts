/** Gives `statecharts/kas.ts` its hands: the tree of everything, brought up, drained and killed. */
import { fromPromise } from 'xstate';
import { kasMachine } from '../../statecharts/index.ts';
import { guarded } from '../supervisor/index.ts';

export interface KasTree {
  start(): Promise<void>;
  /** Stops everything in reverse order, each within its budget. */
  drain(): Promise<void>;
  /** Cuts what a drain waits for. */
  kill(): Promise<void>;
}

export function createKasLogic(tree: KasTree) {
  return guarded(
    kasMachine.provide({
      actors: {
        startTree: fromPromise<void, void>(() => tree.start()),
        drainTree: fromPromise<void, void>(() => tree.drain()),
        killTree: fromPromise<void, void>(() => tree.kill()),
      },
    }),
  );
}
