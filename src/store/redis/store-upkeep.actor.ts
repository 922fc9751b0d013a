/** `statecharts/store-upkeep.ts` joined to this kas's entries in Redis. */
import { fromPromise, type AnyActorLogic } from 'xstate';
import { storeUpkeepMachine } from '../../../statecharts/index.ts';
import { guarded } from '../../supervisor/index.ts';

export interface StoreUpkeepDeps {
  readonly sweep: (signal: AbortSignal) => Promise<void>;
  readonly restore: () => Promise<void>;
}

/** What fails has told the journal; its next turn comes. */
export function createStoreUpkeepLogic({ sweep, restore }: StoreUpkeepDeps): AnyActorLogic {
  return guarded(
    storeUpkeepMachine.provide({
      actors: {
        sweep: fromPromise<void>(({ signal }) => sweep(signal)),
        restore: fromPromise<void>(() => restore()),
      },
    }),
  );
}
