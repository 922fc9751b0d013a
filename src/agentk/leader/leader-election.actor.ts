/**
 * The election actor: `statecharts/leader-election.ts` with a real Lease. What runs as leader is told through `onLeading`;
 * whoever asks later reads `leads` of the board.
 */
import { fromPromise } from 'xstate';
import type { AnyActorLogic } from 'xstate';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { guarded } from '../../supervisor/index.ts';
import { leaderElectionDelays, leaderElectionMachine } from '../../../statecharts/index.ts';
import { failureText } from '../kubernetes/index.ts';
import type { ClusterClient } from '../kubernetes/index.ts';
import { OncePerChange } from '../once-per-change.ts';
import type { PodIdentity } from '../registration.actor.ts';
import { leadershipEvent } from './leadership-event.ts';
import { LeaseLock } from './lease-lock.ts';

export interface LeaderElectionDeps {
  readonly client: Pick<ClusterClient, 'get' | 'create' | 'update'>;
  readonly pod: PodIdentity;
  /** The agent's id, once it is known. */
  readonly agentId: () => bigint | undefined;
  /** From now on this replica leads, or does not any more. Must not throw. */
  readonly onLeading: (leads: boolean) => void;
  /** Resolves when nothing runs as leader any more. */
  readonly idle: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The name the election is addressed by with `agent.identified`. */
export const leaderElectionName = 'leader-election';

/** The election's logic; its input is `{ identity }`. */
export function createLeaderElectionLogic(deps: LeaderElectionDeps): AnyActorLogic {
  const { client, pod, clock, random, log } = deps;
  const troubles = new OncePerChange();
  const lock = new LeaseLock({
    client,
    namespace: pod.namespace,
    identity: pod.name,
    clock,
    onHolder: (holder) => {
      troubles.forget();
      if (holder !== '' && holder !== pod.name)
        log.info('Another replica leads', { holder: holder.slice(0, 253) });
    },
    onFailure: (reason) => {
      const said = troubles.changed(reason);
      if (said !== undefined) log.warn('The Lease of the leader election cannot be had', { reason });
    },
  });
  const leading = (leads: boolean, agentId: string) => {
    deps.onLeading(leads);
    log.info(leads ? 'This replica leads' : 'This replica does not lead any more');
    const lease = { namespace: pod.namespace, name: leaseName(agentId) };
    void client.create(...leadershipEvent(lease, pod.name, leads, clock.now())).then((told) => {
      if (told.kind !== 'ok') log.debug('No event about the leader', { reason: failureText(told) });
    });
  };
  const { retryMs, retryJitter } = leaderElectionDelays;
  const logic = leaderElectionMachine.provide({
    actors: {
      bid: fromPromise(({ input, signal }) => lock.attempt(leaseName(input.agentId), signal)),
      yield: fromPromise(() => deps.idle()),
      release: fromPromise(({ input, signal }) => lock.release(leaseName(input.agentId), signal)),
    },
    actions: {
      askWho: ({ self }) => {
        const agentId = deps.agentId();
        if (agentId !== undefined) self.send({ type: 'agent.identified', agentId: String(agentId) });
      },
      startLeading: (_, { agentId }) => leading(true, agentId),
      stopLeading: (_, { agentId }) => leading(false, agentId),
      reportHang: () => log.error('Work of the leader does not stop although the Lease is lost'),
    },
    delays: { candidateRetry: () => retryMs * (1 + random.next() * retryJitter) },
  });
  return guarded(logic);
}

function leaseName(agentId: string): string {
  return `agent-${agentId}-lock`;
}
