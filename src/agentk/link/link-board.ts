/**
 * Where the parts of agentk find the connection that is up now, and tell the link what kas says to this agent. The link
 * actor writes `announce` and `withdraw`; everybody else reads. Sessions live here and in the link's resource, never in a
 * chart.
 *
 * B1. `current` is a connection that takes new streams, or undefined.
 * B2. Waiters are told of each new connection once, by incarnation; the number of waiters is bounded.
 */
import type { ClientHttp2Session } from 'node:http2';
import { StatusCode } from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';
import { agentkLimits } from '../limits.ts';

export interface LiveLink {
  readonly incarnation: number;
  readonly session: ClientHttp2Session;
}

/** What kas's statuses mean for the link as a whole. */
export type Standing =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly code: StatusCode; readonly message: string };

export class LinkBoard {
  /** The link actor sets it; told what kas said about this agent. */
  onStanding: (incarnation: number, standing: Standing) => void = () => {};
  readonly #waiters = new Set<(incarnation: number) => void>();
  #current: LiveLink | undefined;
  #reusing = 0;

  get current(): LiveLink | undefined {
    const session = this.#current?.session;
    // Streams learn of a lost connection before the link does; nobody must be sent back to it meanwhile.
    return session === undefined || session.closed || session.destroyed ? undefined : this.#current;
  }

  /** A connection is up: told to all who wait. */
  announce(live: LiveLink): void {
    this.#current = live;
    for (const tell of this.#waiters) tell(live.incarnation); // B2
  }

  /** The connection takes no new streams any more. */
  withdraw(): void {
    this.#current = undefined;
  }

  /** Calls `onUp` for each connection from now on. Answers the way to end that. */
  subscribe(onUp: (incarnation: number) => void): () => void {
    if (this.#waiters.size >= agentkLimits.linkWaitersMax) throw new Error('link board: too many waiters');
    this.#waiters.add(onUp);
    return () => void this.#waiters.delete(onUp);
  }

  /** Tells the link how a call on this connection ended, or OK when kas answered before its end. */
  noteStatus(incarnation: number, outcome: RpcStatus): void {
    const refusal = refusalOf(outcome);
    if (refusal !== undefined) this.onStanding(incarnation, refusal);
    else if (outcome.code === StatusCode.OK) this.onStanding(incarnation, { kind: 'accepted' });
  }

  /** kas behind this connection takes tunnels again after a request (design/data-plane.md). */
  noteReuse(incarnation: number): void {
    this.#reusing = Math.max(this.#reusing, incarnation);
  }

  /** True once kas behind this connection has shown that it reuses tunnels. */
  reuses(incarnation: number): boolean {
    return this.#reusing === incarnation && incarnation > 0;
  }
}

/** A refusal of the agent itself, not of one call: NOT_FOUND is also said of a missing branch (`spec/wire.md §11.1`). */
function refusalOf({ code, message }: RpcStatus): Standing | undefined {
  const refused =
    code === StatusCode.Unauthenticated ||
    code === StatusCode.PermissionDenied ||
    (code === StatusCode.NotFound && !message.startsWith('Config: '));
  return refused ? { kind: 'refused', code, message } : undefined;
}
