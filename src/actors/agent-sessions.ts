/**
 * The sessions of this kas: finds or begins the session a call belongs to and answers whether the call may go on. Every
 * method of the agent listener passes here first (`spec/kas.md §3.3`, `§3.4`).
 *
 * A1. The quota is counted before anything else is done for a token, and a store that fails does not lock agents out.
 * A2. Tokens are compared by hash and never leave this file but towards GitLab.
 * A3. What was refused on a connection is refused again for a while without asking anybody (`refused-tokens.ts`).
 */
import { hash as digest } from 'node:crypto';
import type { AnyActorLogic } from 'xstate';
import type { ServerCall } from '../pipe/grpc/index.ts';
import type { Counter, Metrics } from '../ports/index.ts';
import { bearerToken, secretKey, status, StatusCode, type RpcStatus } from '../protocol/index.ts';
import type { DynamicSupervisor } from '../supervisor/index.ts';
import type { AgentConnection, AgentConnections } from './agent-connection.actor.ts';
import {
  AgentSession,
  createAgentSessionLogic,
  dismiss,
  leavingStatus,
  type Admission,
  type AgentSessionDeps,
} from './agent-session.actor.ts';
import { actorLimits, actorTimes } from './limits.ts';
import { RefusedTokens } from './refused-tokens.ts';
import { WaitingCalls } from './waiting-calls.ts';

export interface AgentSessionsDeps extends AgentSessionDeps {
  readonly supervisor: () => DynamicSupervisor;
  readonly connections: AgentConnections;
  readonly refreshMs: number;
  readonly metrics: Metrics;
  readonly callsPerTokenPerMinuteMax: number;
}

/** How the question whether a token may make one more call was answered. */
export type TokenAdmission =
  | { readonly kind: 'admitted'; readonly token: string }
  | { readonly kind: 'refused'; readonly status: RpcStatus };

export class AgentSessions {
  readonly #deps: AgentSessionsDeps;
  readonly #logic: AnyActorLogic;
  readonly #rateExceeded: Counter;
  readonly #byId = new Map<string, AgentSession>();
  readonly #byOwner = new Map<string, AgentSession>();
  readonly #refused = new WeakMap<AgentConnection, RefusedTokens>();
  #incarnation = 0;
  #made = 0;

  constructor(deps: AgentSessionsDeps) {
    this.#deps = deps;
    this.#rateExceeded = deps.metrics.counter({
      name: 'agent_server_rate_exceeded_total',
      help: 'Calls refused because their token had made its calls of this minute',
    });
    this.#logic = createAgentSessionLogic(deps, (id) => this.#byId.get(id));
  }

  get count(): number {
    return this.#byId.size;
  }

  get(sessionId: string): AgentSession | undefined {
    return this.#byId.get(sessionId);
  }

  all(): Iterable<AgentSession> {
    return this.#byId.values();
  }

  /**
   * Decides on a call; `done` is called exactly once unless the call ends first.
   * @param patient waits while GitLab cannot be asked instead of failing with UNAVAILABLE
   */
  admit(call: ServerCall, patient: boolean, done: (admission: Admission) => void): void {
    const refusal = this.#refusal(call);
    if (refusal !== undefined) return done({ kind: 'refused', status: refusal }); // A3
    this.admitToken(call, (admission) => {
      if (admission.kind === 'refused') return done(admission);
      const { token } = admission;
      this.#admit(call, token, digest('sha256', token, 'hex'), patient, done);
    });
  }

  /** Decides by the quota alone: for calls whose token is GitLab's to judge. */
  admitToken(call: ServerCall, done: (admission: TokenAdmission) => void): void {
    const token = bearerToken(call.metadata);
    if (token.kind === 'refused') return done({ kind: 'refused', status: token.status });
    const admitted: TokenAdmission = { kind: 'admitted', token: token.value };
    this.#deps.store.takeTokenQuota(secretKey(token.value), this.#deps.callsPerTokenPerMinuteMax).then(
      (within) => {
        if (within) return done(admitted);
        this.#rateExceeded.inc();
        done({ kind: 'refused', status: exhausted });
      },
      (error: unknown) => {
        // One line per call: the store tells of its failures by itself, and once.
        this.#deps.log.debug('Failed to count calls of an agent token', { error: error as Error });
        done(admitted); // A1
      },
    );
  }

  #admit(
    call: ServerCall,
    token: string,
    hash: string,
    patient: boolean,
    done: (admission: Admission) => void,
  ): void {
    if (!call.stream.open) return;
    const session = this.#find(call, token, hash);
    if (session === undefined) return done({ kind: 'refused', status: noRoom });
    if (session.leaving) return done({ kind: 'refused', status: leavingStatus(session, patient) });
    if (session.registered) {
      const agent = this.#deps.gitlab.peekAgentInfo(token);
      if (agent !== undefined) {
        session.agent = agent;
        done({ kind: 'admitted', session, agent });
        return;
      }
    }
    if (session.waiting.add(call, patient, done)) session.recheck();
    else done({ kind: 'refused', status: tooMany });
  }

  /** What is refused without asking anybody (A3). Costs nothing on connections where nobody was refused. */
  #refusal(call: ServerCall): RpcStatus | undefined {
    const connection = this.#deps.connections.of(call.session);
    const refused = connection === undefined ? undefined : this.#refused.get(connection);
    if (connection === undefined || refused === undefined) return undefined;
    const token = bearerToken(call.metadata);
    if (token.kind === 'refused') return undefined;
    const hash = digest('sha256', token.value, 'hex');
    if (this.#byOwner.has(`${connection.connectionId} ${hash}`)) return undefined;
    const now = this.#deps.clock.monotonic();
    return refused.recall(hash, now) ?? (refused.isSpent(now) ? tooManyRefusals : undefined);
  }

  #find(call: ServerCall, token: string, hash: string): AgentSession | undefined {
    const connection = this.#deps.connections.of(call.session);
    if (connection === undefined) return undefined;
    const owner = `${connection.connectionId} ${hash}`;
    const known = this.#byOwner.get(owner);
    if (known !== undefined) return known;
    const sessionId = `session:${++this.#made}`;
    // By the clock, because the pod's former life may have been with another kas.
    this.#incarnation = Math.max(this.#incarnation + 1, this.#deps.clock.now());
    const session = new AgentSession({
      sessionId,
      incarnation: this.#incarnation,
      connection,
      token,
      waiting: new WaitingCalls({ callsMax: actorLimits.waitingCallsPerSessionMax }),
      connectedAt: this.#deps.clock.now(),
    });
    this.#byId.set(sessionId, session);
    this.#byOwner.set(owner, session);
    const started = this.#deps.supervisor().startChild({
      id: sessionId,
      logic: this.#logic,
      restart: 'temporary',
      input: {
        sessionId,
        peer: connection.peer,
        lookupBackoffMs: actorTimes.lookupBackoffMs,
        refreshMs: this.#deps.refreshMs,
        lastCallMs: actorTimes.lastCallMs,
      },
    });
    const forget = () => {
      this.#byId.delete(sessionId);
      this.#byOwner.delete(owner);
      connection.members.delete(session);
      if (session.refusal !== undefined) this.#remember(connection, hash, session.refusal);
      dismiss(session);
    };
    if (started.kind === 'refused') {
      forget();
      return undefined;
    }
    session.ref = started.ref;
    connection.members.add(session);
    started.ref.subscribe({ complete: forget, error: forget });
    return session;
  }

  #remember(connection: AgentConnection, hash: string, refusal: RpcStatus): void {
    const now = this.#deps.clock.monotonic();
    let refused = this.#refused.get(connection);
    if (refused === undefined) this.#refused.set(connection, (refused = new RefusedTokens(now)));
    refused.remember(hash, refusal, now);
  }
}

const tooManyRefusals = status(
  StatusCode.ResourceExhausted,
  'too many tokens were refused on this connection, try again later',
);
const exhausted = status(
  StatusCode.ResourceExhausted,
  'new connection rate limit exhausted for this agent, try again later',
);
const tooMany = status(StatusCode.ResourceExhausted, 'too many calls wait for this agent');
const noRoom = status(StatusCode.Unavailable, 'no session can be opened for this agent now');
