/**
 * Gives `statecharts/agent-connection.ts` its hands: the HTTP/2 session of an agent, pinged, sent away and cut when the
 * chart says so. One actor per session under one supervisor; whoever lives on the connection joins as a member and is told.
 *
 * K1. Connections without an agent are few (`strangersMax`). When there are as many, the oldest makes room if it had time
 *     enough to say who it is; else the new one is refused, so that a rush of agents gets through in the order it came.
 * K2. A kas that stops does not send thousands of agents to the others within a moment.
 * K3. An abuser decides how often he is cut, not how much is written about it: lines in the log are few, the metric counts all.
 */
import { constants, type ServerHttp2Session } from 'node:http2';
import type { AnyActorLogic, AnyActorRef, SnapshotFrom } from 'xstate';
import { agentConnectionMachine } from '../../statecharts/index.ts';
import { TokenBucket, type SessionAbuse } from '../pipe/grpc/index.ts';
import { strangerMessageCode } from '../pipe/websocket/index.ts';
import type { Clock, Counter, Log, Metrics, Random } from '../ports/index.ts';
import { guarded, type DynamicSupervisor } from '../supervisor/index.ts';
import { actorLimits, actorTimes } from './limits.ts';
import { tell } from './tell.ts';

/** Somebody who lives on a connection: an agent session. */
export interface ConnectionMember {
  /** The wire is dead, going away, or closed. */
  connectionChanged(change: 'stale' | 'draining' | 'closed', reason: string): void;
  /** Idle work ends with OK now (`spec/wire.md §4.5`). */
  expireIdle(): void;
  /** Has nothing open here that its connection must live for. */
  readonly idle: boolean;
}

export interface AgentConnection {
  /** Its time is over: work that would be idle here ends with OK at once, so that the agent takes it to another connection. */
  readonly isOver: boolean;
  readonly connectionId: string;
  readonly http2: ServerHttp2Session;
  readonly peer: string;
  readonly members: Set<ConnectionMember>;
  /** Tells the connection that an agent on it was accepted. */
  authenticated(): void;
  /** Something that lived here has ended: a connection on its way out may close now. */
  memberChanged(): void;
  /** Tells the connection that GitLab could not be asked about an agent on it. */
  undecided(): void;
}

export interface AgentConnectionsDeps {
  readonly supervisor: () => DynamicSupervisor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** `agent.listen.max_connection_age` in milliseconds. */
  readonly ageMsMax: number;
  /** Whose they are, in ids, log lines and metrics: by default agents'. */
  readonly whose?: 'agent' | 'api' | 'private_api';
}

export class AgentConnections {
  readonly #deps: AgentConnectionsDeps;
  readonly #logic: AnyActorLogic;
  readonly #byId = new Map<string, Connection>();
  readonly #byHttp2 = new WeakMap<ServerHttp2Session, Connection>();
  /** Nobody was accepted on them yet; oldest first. */
  readonly #strangers = new Set<Connection>();
  readonly #refused: Counter;
  readonly #abused: Counter;
  readonly #abuseLines: TokenBucket;
  #abusesUntold = 0;
  #made = 0;
  readonly #onEmpty: (() => void)[] = [];

  constructor(deps: AgentConnectionsDeps) {
    this.#deps = deps;
    this.#logic = this.#makeLogic();
    this.#abuseLines = new TokenBucket(
      actorLimits.abuseLinesBurst,
      actorLimits.abuseLinesPerSecond,
      deps.clock.monotonic(),
    );
    const { whose = 'agent' } = deps;
    this.#refused = deps.metrics.counter({
      name: `kas_${whose}_connections_refused_total`,
      help: 'Connections of this listener that were closed before they were served',
      labelNames: ['reason'],
    });
    this.#abused = deps.metrics.counter({
      name: `kas_${whose}_connections_abused_total`,
      help: 'Connections of this listener that were ended for what their peer did to them',
      labelNames: ['reason'],
    });
  }

  get count(): number {
    return this.#byId.size;
  }

  /** Connections on which no agent was accepted yet. */
  get strangers(): number {
    return this.#strangers.size;
  }

  /**
   * kas stops: no new streams, idle work ends with OK, what runs may finish. Each agent dials at once when it is sent away, so
   * they are sent one after the other (K2).
   */
  sendAway(): void {
    const connections = [...this.#byId.values()];
    const stepMs = Math.min(actorTimes.sendAwayEachMs, actorTimes.sendAwayMsMax / connections.length);
    for (const [index, { ref }] of connections.entries()) {
      tell(ref, { type: 'stop.requested', afterMs: index * stepMs });
    }
  }

  /** Resolves when the last connection has closed. */
  allGone(): Promise<void> {
    if (this.#byId.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  cutAll(reason: string): void {
    for (const connection of this.#byId.values()) connection.cut(reason);
  }

  of(http2: ServerHttp2Session): AgentConnection | undefined {
    return this.#byHttp2.get(http2);
  }

  /**
   * Takes over a new connection; refuses it when there are as many as there may be.
   * @param trust called when an agent on it was accepted: limits for strangers need not hold any more
   */
  accept(http2: ServerHttp2Session, peer: string, trust: () => void = () => {}): void {
    const { whose = 'agent' } = this.#deps;
    const connectionId = `${whose === 'agent' ? '' : `${whose}-`}connection:${++this.#made}`;
    const connection = new Connection(connectionId, http2, peer, this.#deps.clock.monotonic(), () => {
      this.#strangers.delete(connection);
      trust();
    });
    http2.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_HTTP2_ERROR') this.#abused.inc({ reason: 'protocol_error' });
      if (error.code === strangerMessageCode) this.#abused.inc({ reason: 'stranger_message' });
      this.#deps.log.debug('Connection failed', { listener: whose, peer: connection.peer, error });
    });
    if (!this.#hasRoom()) return this.#refuse(connection, 'too_many_strangers');
    const started = this.#deps.supervisor().startChild({
      id: connectionId,
      logic: this.#logic,
      input: this.#input(connectionId),
      restart: 'temporary',
    });
    if (started.kind === 'refused') {
      this.#deps.log.warn('Connection refused', {
        listener: whose,
        peer: connection.peer,
        reason: started.reason,
      });
      return this.#refuse(connection, 'too_many');
    }
    connection.ref = started.ref;
    this.#byId.set(connectionId, connection);
    this.#byHttp2.set(http2, connection);
    this.#strangers.add(connection);
    http2.once('remoteSettings', () => tell(connection.ref, { type: 'settings.received' }));
    http2.once('close', () => {
      this.#byId.delete(connectionId);
      this.#strangers.delete(connection);
      const reason = connection.cutReason || 'closed by the peer or the network';
      for (const member of connection.members) member.connectionChanged('closed', reason);
      tell(connection.ref, { type: 'connection.closed', reason });
      if (this.#byId.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
    });
  }

  /** The listener closed a connection before it was one: there were too many, or too many at once. */
  turnedAway(reason: 'full' | 'rush'): void {
    this.#refused.inc({ reason });
  }

  /** A client did too much to its connection. */
  abused(http2: ServerHttp2Session, abuse: SessionAbuse): void {
    const connection = this.#byHttp2.get(http2);
    if (connection === undefined) return;
    this.#abused.inc({ reason: abuse });
    if (this.#abuseLines.take(this.#deps.clock.monotonic())) {
      this.#deps.log.warn('Connection ended for abuse', {
        listener: this.#deps.whose ?? 'agent',
        peer: connection.peer,
        reason: abuse,
        ...(this.#abusesUntold > 0 && { othersSinceLastLine: this.#abusesUntold }),
      });
      this.#abusesUntold = 0;
    } else this.#abusesUntold += 1; // K3
    tell(connection.ref, { type: 'peer.abused', reason: abuse });
  }

  /** K1. */
  #hasRoom(): boolean {
    if (this.#strangers.size < actorLimits.strangersMax) return true;
    const [oldest] = this.#strangers;
    if (oldest === undefined) return true;
    if (this.#deps.clock.monotonic() - oldest.since < actorTimes.strangerGraceMs) return false;
    this.#strangers.delete(oldest);
    this.#refused.inc({ reason: 'made_room' });
    oldest.cut('made room for a newer connection');
    return true;
  }

  #refuse(connection: Connection, reason: string): void {
    this.#refused.inc({ reason });
    // Not at once: node:http2 throws when a session is gone before it has read what came with its socket.
    setImmediate(() => connection.http2.destroy());
  }

  /**
   * Age limits with their jitter (`spec/wire.md §4.5`): GOAWAY at 20 % ± 10 %, the end of idle work at 30 % and up to 5 %
   * of that, the cut 65 % after GOAWAY. The second jitter is one per connection, not per call: the calls of a connection
   * move to the next one together.
   */
  #input(connectionId: string) {
    const { ageMsMax, random } = this.#deps;
    const goAwayMs = ageMsMax * 0.2 * (0.9 + 0.2 * random.next());
    return {
      connectionId,
      prefaceMs: actorTimes.prefaceMs,
      vacancyMs: actorTimes.vacancyMs,
      keepaliveMs: actorTimes.keepaliveMs,
      pingAckMs: actorTimes.pingAckMs,
      goAwayMs,
      expireMs: ageMsMax * 0.3 * (1 + 0.05 * random.next()) - goAwayMs,
      cutMs: ageMsMax * 0.65,
      lastCallMs: actorTimes.lastCallMs,
    };
  }

  #makeLogic(): AnyActorLogic {
    const find = (id: string) => this.#byId.get(id);
    return guarded(
      agentConnectionMachine.provide({
        actions: {
          ping: ({ self }, { connectionId }) => {
            const http2 = find(connectionId)?.http2;
            if (http2 === undefined || http2.destroyed) return;
            const answered = (error: Error | null) => {
              if (error === null) tell(self, { type: 'ping.acknowledged' });
            };
            // node:http2 pings no more once the session is closing; settings are acknowledged until its end.
            if (http2.closed) http2.settings({}, answered);
            else http2.ping(answered);
          },
          goAway: (_, { connectionId }) => find(connectionId)?.goAway(),
          rebuke: (_, { connectionId, reason }) => find(connectionId)?.rebuke(reason),
          expireIdle: (_, { connectionId }) => find(connectionId)?.tellIdle(),
          markStale: (_, { connectionId }) =>
            find(connectionId)?.tell('stale', 'keepalive ping was not answered'),
          cut: (_, { connectionId, reason }) => find(connectionId)?.cut(reason),
        },
      }),
    );
  }
}

class Connection implements AgentConnection {
  readonly connectionId: string;
  readonly http2: ServerHttp2Session;
  readonly peer: string;
  /** Monotonic time of its beginning. */
  readonly since: number;
  readonly members = new Set<ConnectionMember>();
  readonly #onAuthenticated: () => void;
  ref: AnyActorRef | undefined;
  cutReason = '';
  #sentAway = false;

  constructor(
    connectionId: string,
    http2: ServerHttp2Session,
    peer: string,
    since: number,
    onAuthenticated: () => void,
  ) {
    this.connectionId = connectionId;
    this.http2 = http2;
    this.peer = peer;
    this.since = since;
    this.#onAuthenticated = onAuthenticated;
  }

  get isOver(): boolean {
    const snapshot = this.ref?.getSnapshot() as SnapshotFrom<typeof agentConnectionMachine> | undefined;
    return snapshot?.matches({ live: { age: 'expired' } }) === true;
  }

  authenticated(): void {
    this.#onAuthenticated();
    tell(this.ref, { type: 'agent.authenticated' });
  }

  undecided(): void {
    tell(this.ref, { type: 'agent.undecided' });
  }

  /**
   * GOAWAY now, the close when nobody lives here any more. Not `close` at once, because what runs may run for hours yet.
   */
  goAway(): void {
    if (!this.#sentAway && !this.http2.destroyed) this.http2.goaway();
    this.#sentAway = true;
    this.tell('draining', 'connection is going away');
    this.memberChanged();
  }

  rebuke(reason: string): void {
    if (this.http2.destroyed) return;
    this.http2.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, undefined, Buffer.from(reason));
  }

  memberChanged(): void {
    if (!this.#sentAway || this.http2.closed || this.http2.destroyed) return;
    for (const member of this.members) if (!member.idle) return;
    this.http2.close();
  }

  tell(change: 'stale' | 'draining', reason: string): void {
    for (const member of this.members) member.connectionChanged(change, reason);
  }

  tellIdle(): void {
    for (const member of this.members) member.expireIdle();
  }

  cut(reason: string): void {
    this.cutReason = reason;
    this.http2.destroy();
  }
}
