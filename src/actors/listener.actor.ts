/**
 * Gives `statecharts/listener.ts` its hands. A front says how its socket is opened, drained and cut; this file makes that
 * the life of one actor per front.
 */
import { fromPromise, type AnyActorLogic } from 'xstate';
import { listenerMachine } from '../../statecharts/index.ts';
import type { Log } from '../ports/index.ts';
import { guarded } from '../supervisor/index.ts';

/** A listening socket and what runs on it. */
export interface Front {
  /** Binds; rejects with the bind error. `failed` reports a socket that broke later. */
  open(failed: (reason: string) => void): Promise<void>;
  /** Stops accepting and resolves when what runs has ended. */
  drain(): Promise<void>;
  /** Ends everything now. */
  cut(): Promise<void>;
}

/** One logic for all listeners; `fronts` names them. */
export function createListenerLogic(deps: {
  readonly fronts: ReadonlyMap<string, Front>;
  readonly log: Log;
}): AnyActorLogic {
  const front = (name: string): Front => {
    const found = deps.fronts.get(name);
    if (found === undefined) throw new Error(`no listener is called ${name}`);
    return found;
  };
  type Named = { readonly name: string };
  return guarded(
    listenerMachine.provide({
      actors: {
        open: fromPromise<void, Named>(({ input, self }) => {
          const parent = self._parent;
          return front(input.name).open((reason) => parent?.send({ type: 'socket.failed', reason }));
        }),
        drain: fromPromise<void, Named>(({ input }) => front(input.name).drain()),
        cut: fromPromise<void, Named>(({ input }) => front(input.name).cut()),
      },
      actions: {
        announceDrain: (_, { name }) => deps.log.info('Endpoint is draining', { listener: name }),
      },
    }),
  );
}
