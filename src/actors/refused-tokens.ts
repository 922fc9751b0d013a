/**
 * Tokens GitLab refused on one connection. Whoever has no valid token may still call as often as he likes; what that costs
 * kas and GitLab is bounded here (`spec/users.md`, rule 11: authenticate before allocating).
 *
 * N1. A token refused a moment ago is refused again from memory: no session, no question, no line in the log.
 * N2. Many different refused tokens are not asked about at all any more, until time has passed. Accepted agents on the
 *     same connection (a balancer's) are not touched.
 */
import { TokenBucket } from '../pipe/grpc/index.ts';
import type { RpcStatus } from '../protocol/index.ts';
import { actorLimits, actorTimes } from './limits.ts';

export class RefusedTokens {
  readonly #byHash = new Map<string, { readonly status: RpcStatus; readonly untilMs: number }>();
  readonly #budget: TokenBucket;
  #spent = false;

  constructor(nowMs: number) {
    this.#budget = new TokenBucket(actorLimits.refusalsBurst, actorLimits.refusalsPerSecond, nowMs);
  }

  /** GitLab refused a token. */
  remember(hash: string, status: RpcStatus, nowMs: number): void {
    this.#byHash.delete(hash);
    const [oldest] = this.#byHash.keys();
    if (this.#byHash.size >= actorLimits.refusalsRemembered && oldest !== undefined)
      this.#byHash.delete(oldest);
    this.#byHash.set(hash, { status, untilMs: nowMs + actorTimes.refusalMemoryMs });
    this.#spent = !this.#budget.take(nowMs);
  }

  /** N1. */
  recall(hash: string, nowMs: number): RpcStatus | undefined {
    const known = this.#byHash.get(hash);
    return known === undefined || nowMs >= known.untilMs ? undefined : known.status;
  }

  /** N2: true while no new token should be asked about. */
  isSpent(nowMs: number): boolean {
    if (this.#spent) this.#spent = !this.#budget.take(nowMs);
    return this.#spent;
  }
}
