/**
 * The link actor: `statecharts/agent-link.ts` with real sockets. Provided once per process; there is one link.
 */
import { fromCallback } from 'xstate';
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import type { Random } from '../../ports/index.ts';
import { statusCodeOf } from '../../protocol/index.ts';
import { guarded } from '../../supervisor/index.ts';
import {
  agentLinkDelays,
  agentLinkMachine,
  linkBackoffMs,
  linkRefusedMs,
} from '../../../statecharts/index.ts';
import type { KasSockets } from './kas-sockets.ts';
import { describe } from './link-failure.ts';
import type { LinkBoard } from './link-board.ts';
import type { LinkJournal } from './link-journal.ts';

export interface AgentLinkDeps {
  readonly sockets: KasSockets;
  readonly board: LinkBoard;
  readonly journal: LinkJournal;
  readonly random: Random;
}

/** The link's logic; its input is `{ startDelayMs }`. It has the tag `ready` while connected. */
export function createAgentLinkLogic({ sockets, board, journal, random }: AgentLinkDeps): AnyActorLogic {
  /** ± jitter, as gRPC channels do. */
  const around = (ms: number) => ms * (1 + (random.next() * 2 - 1) * agentLinkDelays.backoffJitter);
  const logic = agentLinkMachine.provide({
    actors: {
      sockets: fromCallback(() => () => {
        board.withdraw();
        sockets.closeAll();
      }),
    },
    actions: {
      dial: ({ self }, { incarnation }) => sockets.dial(incarnation, (fact) => self.send(fact)),
      announce: ({ self, context }, { incarnation }) => {
        const session = sockets.find(incarnation)?.session;
        if (session === undefined) return;
        // After a refusal only kas's acceptance is news.
        if (context.refusals === 0) journal.connected(incarnation);
        board.onStanding = standingTo(self);
        board.announce({ incarnation, session });
      },
      withdraw: () => board.withdraw(),
      retire: (_, { incarnation }) => {
        journal.goingAway();
        sockets.retire(incarnation);
      },
      drop: (_, { incarnation, at }) => {
        journal.lost(describe({ hop: 'silence', at }));
        sockets.drop(incarnation);
      },
      ping: (_, { incarnation }) => sockets.find(incarnation)?.ping(),
      pingRetired: () => sockets.pingRetired(),
      dropSilentRetired: () => sockets.dropSilentRetired(),
      reportLoss: (_, loss) => journal.lost(loss),
      reportRedirect: (_, { to }) => journal.redirected(to),
      reportRefusal: ({ context }, { code, message }) =>
        journal.refused(statusCodeOf(code), message, context.refusals),
      reportAcceptance: (_, { incarnation }) => journal.connected(incarnation),
    },
    delays: {
      backoff: ({ context }) => around(linkBackoffMs(context.failures)),
      refusedWait: ({ context }) => around(linkRefusedMs(context.refusals)),
    },
  });
  return guarded(logic);
}

function standingTo(link: AnyActorRef): LinkBoard['onStanding'] {
  return (incarnation, standing) => {
    if (standing.kind === 'accepted') link.send({ type: 'call.accepted', incarnation });
    else link.send({ type: 'call.refused', incarnation, code: standing.code, message: standing.message });
  };
}
