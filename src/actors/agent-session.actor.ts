/**
 * Gives `statecharts/agent-session.ts` its hands: who an agent is, which of its calls wait for that answer, what it has
 * open here, and its entry in the shared directory.
 */
import { fromPromise, type AnyActorLogic, type AnyActorRef } from 'xstate';
import { agentSessionMachine, lookupWaitMs, type AgentVerdict } from '../../statecharts/index.ts';
import type { CachedGitLab } from '../gitlab/cache/index.ts';
import type { AgentInfo, Clock, GitLabResult, Log, Random, Store } from '../ports/index.ts';
import type { ServerCall } from '../pipe/grpc/index.ts';
import { ok, status, StatusCode, type AgentMeta, type RpcStatus } from '../protocol/index.ts';
import { guarded, Population } from '../supervisor/index.ts';
import type { AgentConnection, ConnectionMember } from './agent-connection.actor.ts';
import { withDeadline } from './deadline-signal.ts';
import { actorTimes } from './limits.ts';
import { RefusalVoice } from './refusal-voice.ts';
import type { WaitingCalls } from './waiting-calls.ts';
import { tell } from './tell.ts';

/** Something of an agent that lives on its session: a tunnel or a configuration watch. */
export interface SessionTenant {
  /** Ends with OK if it is idle, so that the agent opens it again on a new connection. */
  expireIdle(): void;
  /** GitLab no longer accepts the agent's token. */
  refused(status: RpcStatus): void;
}

export interface AgentSessionDeps {
  readonly gitlab: CachedGitLab;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly registrationTtlMs: number;
}

/** What a Register call said of the pod behind a session. */
export interface Pod {
  readonly podId: bigint;
  readonly meta: AgentMeta | undefined;
}

/** One agent token on one connection. */
export class AgentSession implements ConnectionMember {
  readonly sessionId: string;
  /** Newer lives have higher numbers, over all kas and their restarts. */
  readonly incarnation: number;
  readonly connection: AgentConnection;
  readonly token: string;
  readonly waiting: WaitingCalls<Admission>;
  /** By the ids of their actors. */
  readonly tenants = new Population<SessionTenant>();
  readonly connectedAt: number;
  agent: AgentInfo | undefined;
  pod: Pod | undefined;
  /** The latest writing of the pod into the shared directory. */
  writing: Promise<boolean> | undefined;
  ref: AnyActorRef | undefined;
  /** Why GitLab refused the token, once it did. */
  refusal: RpcStatus | undefined;

  constructor(options: {
    readonly sessionId: string;
    readonly incarnation: number;
    readonly connection: AgentConnection;
    readonly token: string;
    readonly waiting: WaitingCalls<Admission>;
    readonly connectedAt: number;
  }) {
    this.sessionId = options.sessionId;
    this.incarnation = options.incarnation;
    this.connection = options.connection;
    this.token = options.token;
    this.waiting = options.waiting;
    this.connectedAt = options.connectedAt;
  }

  /** The states a newcomer to the session cares about. */
  get registered(): boolean {
    const value: unknown = this.ref?.getSnapshot().value;
    return typeof value === 'object' && value !== null && 'registered' in value;
  }

  get leaving(): boolean {
    const value: unknown = this.ref?.getSnapshot().value;
    return value === 'draining' || value === 'stale' || value === 'gone';
  }

  recheck(): void {
    tell(this.ref, { type: 'recheck.requested' });
  }

  /** Answers whether the pod is in the shared directory now; a session on its way out writes nothing. */
  announce(pod: Pod): Promise<boolean> {
    this.pod = pod;
    const before = this.writing;
    tell(this.ref, { type: 'pod.announced' });
    return this.writing === undefined || this.writing === before ? Promise.resolve(false) : this.writing;
  }

  get idle(): boolean {
    return this.tenants.size === 0;
  }

  tunnelsChanged(count: number): void {
    tell(this.ref, { type: 'tunnels.changed', count });
    this.connection.memberChanged();
  }

  watchesChanged(count: number): void {
    tell(this.ref, { type: 'watches.changed', count });
    this.connection.memberChanged();
  }

  connectionChanged(change: 'stale' | 'draining' | 'closed', reason: string): void {
    if (change === 'closed') tell(this.ref, { type: 'connection.closed', reason });
    else tell(this.ref, { type: `connection.${change}` });
  }

  /**
   * Streams that are admitted when the time of their connection is over (GitLab took long to say who the agent is) end with OK at
   * once, as those that were idle then did. Answers whether this one did.
   */
  movesOn(call: Pick<ServerCall, 'finish'>): boolean {
    if (!this.connection.isOver) return false;
    call.finish(ok);
    this.connection.memberChanged();
    return true;
  }

  expireIdle(): void {
    for (const tenant of this.tenants.values()) tenant.expireIdle();
  }
}

/** How a call's question "may I?" was answered. */
export type Admission =
  | { readonly kind: 'admitted'; readonly session: AgentSession; readonly agent: AgentInfo }
  | { readonly kind: 'refused'; readonly status: RpcStatus };

/** The logic all sessions share. `find` resolves the id a chart knows to the session it stands for. */
export function createAgentSessionLogic(
  deps: AgentSessionDeps,
  find: (sessionId: string) => AgentSession | undefined,
): AnyActorLogic {
  const voice = new RefusalVoice(deps.clock, deps.log);
  return guarded(
    agentSessionMachine.provide({
      actors: {
        lookup: fromPromise<AgentVerdict, { readonly sessionId: string }>(async ({ input, signal }) => {
          const session = find(input.sessionId);
          if (session === undefined) return { kind: 'unavailable', reason: 'the session is gone' };
          const result = await withDeadline(deps.clock, signal, actorTimes.lookupMsMax, (bounded) =>
            deps.gitlab.agentInfo(session.token, bounded),
          );
          return verdictOf(session, result);
        }),
      },
      actions: {
        answerCalls: (_, { sessionId, verdict, attempt }) => {
          const session = find(sessionId);
          if (session === undefined) return;
          if (verdict.kind === 'granted') {
            session.connection.authenticated();
            deps.log.info('Agent authenticated', {
              agent_id: verdict.agentId,
              agent_name: verdict.agentName,
              peer: session.connection.peer,
            });
          } else if (verdict.kind === 'refused') {
            session.refusal = status(verdict.code as StatusCode, verdict.reason);
            voice.refused(session.connection.peer, verdict.reason);
          } else {
            session.connection.undecided();
            // One warning for an outage, not one for each try of each agent.
            deps.log[attempt <= 1 ? 'warn' : 'debug']('Agent waits: GitLab cannot be asked', {
              reason: verdict.reason,
              peer: session.connection.peer,
            });
          }
          answer(session, verdict);
        },
        dismissCalls: (_, { sessionId }) => {
          const session = find(sessionId);
          if (session !== undefined) dismiss(session);
        },
        announce: (_, { sessionId }) => {
          const session = find(sessionId);
          if (session !== undefined) session.writing = announce(deps, session);
        },
        farewell: (_, { sessionId }) => farewell(deps, find(sessionId)),
      },
      delays: {
        // An outage meets all sessions at once; half of the wait is drawn, so that they do not ask at once again.
        lookupBackoff: ({ context }) => (lookupWaitMs(context) * (1 + deps.random.next())) / 2,
      },
    }),
  );
}

function verdictOf(session: AgentSession, result: GitLabResult<AgentInfo>): AgentVerdict {
  switch (result.kind) {
    case 'ok': {
      session.agent = result.value;
      const { agentId, agentName, projectId } = result.value;
      return { kind: 'granted', agentId, agentName, projectId };
    }
    case 'unavailable':
      return { kind: 'unavailable', reason: result.reason };
    case 'unauthenticated':
    case 'forbidden':
    case 'notFound': {
      const { code, message } = agentRefusal(result.kind);
      return { kind: 'refused', code, reason: message };
    }
  }
}

function answer(session: AgentSession, verdict: AgentVerdict): void {
  const { agent, waiting } = session;
  if (verdict.kind === 'granted') {
    if (agent !== undefined) waiting.answer({ kind: 'admitted', session, agent }, 'all');
  } else if (verdict.kind === 'refused') {
    waiting.answer({ kind: 'refused', status: status(verdict.code as StatusCode, verdict.reason) }, 'all');
  } else {
    const unavailable = status(StatusCode.Unavailable, 'unavailable');
    waiting.answer({ kind: 'refused', status: unavailable }, 'impatient');
  }
}

/** What an agent is told when GitLab refuses it (`spec/wire.md §11.1`). */
export function agentRefusal(kind: 'unauthenticated' | 'forbidden' | 'notFound'): RpcStatus {
  if (kind === 'unauthenticated') return status(StatusCode.Unauthenticated, 'unauthenticated');
  if (kind === 'forbidden') return status(StatusCode.PermissionDenied, 'forbidden');
  return status(StatusCode.NotFound, 'agent not found');
}

async function announce(deps: AgentSessionDeps, session: AgentSession): Promise<boolean> {
  const { agent, pod } = session;
  if (agent === undefined || pod === undefined) return false;
  const { meta } = pod;
  try {
    const accepted = await deps.store.registerAgent(
      {
        agentId: agent.agentId,
        projectId: agent.projectId,
        connectionId: pod.podId,
        connectedAt: session.connectedAt,
        version: meta?.version ?? '',
        commitId: meta?.commitId ?? '',
        podNamespace: meta?.podNamespace ?? '',
        podName: meta?.podName ?? '',
        kubernetes: {
          major: meta?.kubernetesVersion?.major ?? '',
          minor: meta?.kubernetesVersion?.minor ?? '',
          gitVersion: meta?.kubernetesVersion?.gitVersion ?? '',
          platform: meta?.kubernetesVersion?.platform ?? '',
        },
        incarnation: session.incarnation,
      },
      deps.registrationTtlMs,
    );
    if (!accepted) deps.log.debug('A newer session of this pod is registered', { agent_id: agent.agentId });
    return true;
  } catch (error) {
    // One line per agent: the store tells of its failures by itself, and writes the entry when it can.
    deps.log.debug('Failed to register agent', { agent_id: agent.agentId, error: error as Error });
    return false;
  }
}

/** What a call is told that comes to a session on its way out: streams end with OK, so that they are opened elsewhere. */
export function leavingStatus(session: AgentSession, patient: boolean): RpcStatus {
  return session.refusal ?? (patient ? ok : goingAway);
}

/** Nobody waits any longer for this session. */
export function dismiss(session: AgentSession): void {
  const { waiting } = session;
  waiting.answer({ kind: 'refused', status: leavingStatus(session, false) }, 'impatient');
  waiting.answer({ kind: 'refused', status: leavingStatus(session, true) }, 'all');
}

const goingAway = status(StatusCode.Unavailable, 'kas is going away on this connection, open a new one');

function farewell(deps: AgentSessionDeps, session: AgentSession | undefined): void {
  if (session === undefined) return;
  const { agent, pod, refusal } = session;
  dismiss(session);
  if (refusal !== undefined) for (const tenant of session.tenants.values()) tenant.refused(refusal);
  else session.expireIdle();
  if (agent === undefined) return;
  deps.log.info('Agent gone', {
    agent_id: agent.agentId,
    agent_name: agent.agentName,
    peer: session.connection.peer,
  });
  if (pod === undefined) return;
  deps.store.unregisterAgent(agent.agentId, pod.podId, session.incarnation).catch((error: unknown) => {
    deps.log.debug('Failed to unregister agent', { agent_id: agent.agentId, error: error as Error });
  });
}
