/**
 * The link actor's resource: the connections it dialled, by incarnation. One is current; those kas told to go away finish
 * their streams beside it. Facts about them go to the actor; nothing is decided here.
 *
 * S1. Every connection that was opened is either closed or in one of the two places; `closeAll` leaves none.
 * S2. At most `retiredConnectionsMax` old connections; the oldest is cut for a new one.
 */
import { agentkLimits } from '../limits.ts';
import { openConnection } from './kas-connection.ts';
import type { ConnectionEvents, KasConnection, KasWay } from './kas-connection.ts';
import type { KasTarget } from './kas-ladder.ts';
import { describe } from './link-failure.ts';
import type { Described, Hop } from './link-failure.ts';

/** Facts for the link's chart. */
export type SocketFact =
  | { readonly type: `${Exclude<Hop, 'tcp'>}.begun`; readonly incarnation: number }
  | { readonly type: 'upgrade.redirected'; readonly incarnation: number; readonly to: string }
  | { readonly type: 'settings.received'; readonly incarnation: number }
  | ({ readonly type: 'connection.closed'; readonly incarnation: number } & Described)
  | { readonly type: 'ping.acknowledged'; readonly incarnation: number }
  | { readonly type: 'goaway.received'; readonly incarnation: number }
  | { readonly type: 'retired.emptied' };

export type SocketListener = (fact: SocketFact) => void;

interface Held {
  readonly incarnation: number;
  readonly connection: KasConnection;
  /** An answer to the last ping is still out. */
  awaited: boolean;
}

export class KasSockets {
  readonly #target: KasTarget;
  readonly #way: KasWay | undefined;
  readonly #retired = new Map<number, Held>();
  #current: Held | undefined;

  /** @param way how sessions come about; by the network of this machine unless told */
  constructor(target: KasTarget, way?: KasWay) {
    this.#target = target;
    this.#way = way;
  }

  /** Old connections that still carry streams. */
  get retiredCount(): number {
    return this.#retired.size;
  }

  /** Of them, those whose answer to the last ping is still out. */
  get silentRetired(): number {
    return [...this.#retired.values()].filter(({ awaited }) => awaited).length;
  }

  dial(incarnation: number, tell: SocketListener): void {
    this.#current?.connection.destroy();
    this.#current = undefined;
    const events: ConnectionEvents = {
      onHop: (hop) => {
        if (this.find(incarnation) !== undefined) tell({ type: `${hop}.begun`, incarnation });
      },
      onRedirected: (to) => tell({ type: 'upgrade.redirected', incarnation, to }),
      onReady: () => tell({ type: 'settings.received', incarnation }),
      onPingAck: () => this.#acknowledged(incarnation, tell),
      onGoAway: () => tell({ type: 'goaway.received', incarnation }),
      onClosed: (failure) => this.#closed(incarnation, describe(failure), tell),
    };
    const connection = openConnection(this.#target, events, this.#way);
    this.#current = { incarnation, connection, awaited: false };
  }

  /** The current connection, if it is this one. */
  find(incarnation: number): KasConnection | undefined {
    return this.#current?.incarnation === incarnation ? this.#current.connection : undefined;
  }

  /** It takes no new streams; it lives beside the next one until its last stream ends. */
  retire(incarnation: number): void {
    const held = this.#current;
    if (held?.incarnation !== incarnation) return;
    this.#current = undefined;
    const [oldest] = this.#retired.values();
    if (this.#retired.size >= agentkLimits.retiredConnectionsMax) oldest?.connection.destroy(); // S2
    held.awaited = false;
    this.#retired.set(incarnation, held);
    held.connection.retire();
  }

  drop(incarnation: number): void {
    this.find(incarnation)?.destroy();
  }

  pingRetired(): void {
    for (const held of this.#retired.values()) held.awaited = held.connection.ping();
  }

  dropSilentRetired(): void {
    for (const held of this.#retired.values()) if (held.awaited) held.connection.destroy();
  }

  closeAll(): void {
    const all = [...this.#retired.values(), ...(this.#current === undefined ? [] : [this.#current])];
    this.#retired.clear();
    this.#current = undefined;
    for (const { connection } of all) connection.destroy();
  }

  #acknowledged(incarnation: number, tell: SocketListener): void {
    const old = this.#retired.get(incarnation);
    if (old === undefined) tell({ type: 'ping.acknowledged', incarnation });
    else old.awaited = false;
  }

  #closed(incarnation: number, described: Described, tell: SocketListener): void {
    if (this.#retired.delete(incarnation)) {
      if (this.#retired.size === 0) tell({ type: 'retired.emptied' });
    } else if (this.#current?.incarnation === incarnation) {
      this.#current = undefined;
      tell({ type: 'connection.closed', incarnation, ...described });
    }
  }
}
