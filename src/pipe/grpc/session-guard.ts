/**
 * What a client may do to its HTTP/2 connection, counted per session. What is counted here costs the server work without
 * ever becoming a call: pings, settings, streams that are reset. The owner of the session is told of the first abuse and
 * ends it; nothing is ended here.
 *
 * G1. Pings as grpc-go counts them (spec/wire.md §4.4): a ping sooner than `pingMsMin` after the one before is a strike,
 *     unless something was sent to the client in between, which its bandwidth estimate answers with pings.
 * G2. Abuse is told at most once per session.
 * G3. A stranger, on whose session no agent was accepted yet, has few calls that are refused for what they are or for who
 *     makes them; each costs as much as a call and is answered with a status, so a reset that follows is counted nowhere
 *     else. Once somebody is trusted, refusals are not counted: the session may be a balancer's.
 */
import type { ServerHttp2Session } from 'node:http2';
import type { Clock } from '../../ports/index.ts';
import type { GrpcLimits } from './limits.ts';
import { TokenBucket } from './token-bucket.ts';

/** Each is a reason in the metrics and the text of the GOAWAY that answers it. */
export type SessionAbuse = 'too_many_pings' | 'too_many_resets' | 'too_many_settings' | 'too_many_refusals';

export class SessionGuard {
  readonly #clock: Clock;
  readonly #limits: GrpcLimits;
  readonly #resets: TokenBucket;
  readonly #settings: TokenBucket;
  /** Undefined when somebody was trusted (G3). */
  #refusals: TokenBucket | undefined;
  readonly #tell: (abuse: SessionAbuse) => void;
  #strikes = 0;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #sentSincePing = false;
  #told = false;

  constructor(
    session: ServerHttp2Session,
    limits: GrpcLimits,
    clock: Clock,
    tell: (abuse: SessionAbuse) => void,
    stranger: boolean,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#tell = tell;
    const now = clock.monotonic();
    this.#resets = new TokenBucket(limits.resetsBurst, limits.resetsPerSecond, now);
    this.#settings = new TokenBucket(limits.settingsBurst, limits.settingsPerSecond, now);
    if (stranger) this.#refusals = new TokenBucket(limits.refusalsBurst, limits.refusalsPerSecond, now);
    session.on('ping', () => this.#ping());
    session.on('remoteSettings', () => this.#take(this.#settings, 'too_many_settings'));
  }

  /** Headers or messages went to the client. */
  sent(): void {
    this.#sentSincePing = true;
  }

  /** The client reset a stream. */
  reset(): void {
    this.#take(this.#resets, 'too_many_resets');
  }

  /** A call was refused: it is no call of ours, or nobody we know makes it (G3). */
  refused(): void {
    if (this.#refusals !== undefined) this.#take(this.#refusals, 'too_many_refusals');
  }

  trust(): void {
    this.#refusals = undefined;
  }

  /** Abuse was told: what still comes is not worth an answer. */
  get isSpent(): boolean {
    return this.#told;
  }

  #ping(): void {
    const now = this.#clock.monotonic();
    const soon = now - this.#lastPingMs < this.#limits.pingMsMin;
    this.#lastPingMs = now;
    if (this.#sentSincePing) {
      this.#sentSincePing = false; // G1
      this.#strikes = 0;
    } else if (soon && ++this.#strikes > this.#limits.pingStrikesMax) this.#abused('too_many_pings');
  }

  #take(bucket: TokenBucket, abuse: SessionAbuse): void {
    if (!bucket.take(this.#clock.monotonic())) this.#abused(abuse);
  }

  #abused(abuse: SessionAbuse): void {
    if (this.#told) return; // G2
    this.#told = true;
    this.#tell(abuse);
  }
}
