/** The tunnel actors: `statecharts/tunnel-client.ts` with real streams. Compiled once; what differs is the tunnel's id. */
import type { Random } from '../../ports/index.ts';
import { compileMachine } from '../../supervisor/index.ts';
import type {
  CompiledLogicFrom,
  DeadlineWheel,
  Registry,
  TransitionObserver,
} from '../../supervisor/index.ts';
import { tunnelBackoffMs, tunnelClientDelays, tunnelClientMachine } from '../../../statecharts/index.ts';
import type { LinkBoard } from '../link/index.ts';
import type { TunnelStreams } from './tunnel-streams.ts';

/** The pool's name in the registry. */
export const tunnelPoolName = 'tunnel-pool';

export interface TunnelClientDeps {
  readonly board: LinkBoard;
  readonly streams: TunnelStreams;
  /** Has the tunnel told of the next connection. */
  readonly awaitLink: (tunnelId: string) => void;
  readonly registry: Registry;
  readonly random: Random;
  readonly wheel: DeadlineWheel;
  readonly observe: TransitionObserver | undefined;
}

/** A tunnel's logic; its input is `{ tunnelId }`. */
export function createTunnelClientLogic(
  deps: TunnelClientDeps,
): CompiledLogicFrom<typeof tunnelClientMachine> {
  const { board, streams, awaitLink, registry, random, wheel, observe } = deps;
  const report = (type: string, tunnelId: string) => {
    const event = { type, tunnelId };
    registry.send(tunnelPoolName, event);
  };
  return compileMachine<typeof tunnelClientMachine>(tunnelClientMachine, {
    wheel,
    ...(observe === undefined ? {} : { observe }),
    actions: {
      awaitLink: ({ self }, { tunnelId }) => {
        awaitLink(tunnelId);
        const live = board.current;
        if (live !== undefined) self.send({ type: 'link.restored', incarnation: live.incarnation });
      },
      openStream: ({ self }, params) => streams.open(params, (fact) => self.send(fact)),
      halfCloseStream: (_, { tunnelId, stream }) => streams.halfClose(tunnelId, stream),
      abortStream: (_, { tunnelId, stream }) => streams.abort(tunnelId, stream),
      sealStream: (_, { tunnelId, stream }) => streams.seal(tunnelId, stream),
      reportBusy: (_, { tunnelId }) => report('tunnel.busied', tunnelId),
      reportIdle: (_, { tunnelId }) => report('tunnel.idled', tunnelId),
      offerSurplus: (_, { tunnelId }) => report('tunnel.offered', tunnelId),
      reportKept: (_, { tunnelId }) => report('tunnel.kept', tunnelId),
    },
    guards: { kasReuses: (_, { incarnation }) => board.reuses(incarnation) },
    delays: {
      backoff: ({ context }) =>
        tunnelBackoffMs(context.failures) * (1 + random.next() * tunnelClientDelays.backoffJitter),
    },
  });
}
