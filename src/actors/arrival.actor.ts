/**
 * Gives `statecharts/arrival.ts` its hands: sockets on the agent listener until it is known what they speak. Native HTTP/2
 * is handed over at its preface; anything else goes to the HTTP/1.1 exchange, which says how that ended.
 *
 * R1. As many as `arrivalsMax`; a socket more is cut.
 * R2. After the hand-over nothing here holds the socket.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { arrivalMachine } from '../../statecharts/index.ts';
import { firstBytes, type FirstBytes } from '../pipe/grpc/index.ts';
import type { Metrics } from '../ports/index.ts';
import {
  compileMachine,
  Population,
  type CompiledLogicFrom,
  type DeadlineWheel,
  type HotActorOf,
  type HotSupervisor,
  type TransitionObserver,
} from '../supervisor/index.ts';

export interface ArrivalsDeps {
  readonly supervisor: () => HotSupervisor;
  readonly wheel: DeadlineWheel;
  readonly observe: TransitionObserver | undefined;
  readonly metrics: Metrics;
  /** Takes over a stream that speaks HTTP/2: a socket, or the inside of a WebSocket. */
  readonly http2: (stream: Duplex, peer: string) => void;
}

/** What becomes of arrivals elsewhere; one listener's. */
export interface ArrivalDesk {
  /** Takes a socket that does not speak HTTP/2. */
  http1(arrival: Arrival): void;
  /** An arrival was cut at its deadline. */
  cut(arrival: Arrival, state: 'silent' | 'unfinished'): void;
}

/** A connection that has not said yet what it is. */
export class Arrival {
  readonly arrivalId: string;
  readonly socket: Socket;
  readonly peer: string;
  readonly desk: ArrivalDesk;
  actor: HotActorOf<typeof arrivalMachine> | undefined;
  readonly #http2: ArrivalsDeps['http2'];

  constructor(
    arrivalId: string,
    socket: Socket,
    peer: string,
    desk: ArrivalDesk,
    http2: ArrivalsDeps['http2'],
  ) {
    this.arrivalId = arrivalId;
    this.socket = socket;
    this.peer = peer;
    this.desk = desk;
    this.#http2 = http2;
  }

  /** The first bytes are here. */
  spoke(verdict: FirstBytes): void {
    if (verdict === 'http2') {
      this.actor?.send({ type: 'preface.seen' });
      this.#http2(this.socket, this.peer);
    } else {
      this.actor?.send({ type: 'request.begun' });
      this.desk.http1(this);
    }
  }

  /** The HTTP/1.1 exchange ended in a WebSocket; `stream` is its inside. */
  upgraded(stream: Duplex): void {
    if (this.actor?.snapshot.status !== 'active') return void stream.destroy();
    this.actor.send({ type: 'upgrade.accepted' });
    this.#http2(stream, this.peer);
  }

  /** The HTTP/1.1 exchange was answered otherwise. */
  refused(): void {
    this.actor?.send({ type: 'request.refused' });
  }
}

export class Arrivals {
  readonly #deps: ArrivalsDeps;
  readonly #logic: CompiledLogicFrom<typeof arrivalMachine>;
  readonly #byId = new Population<Arrival>();
  readonly #ended;
  #made = 0;

  constructor(deps: ArrivalsDeps) {
    this.#deps = deps;
    this.#ended = deps.metrics.counter({
      name: 'kas_agent_arrivals_total',
      help: 'Connections on the agent listener by what they turned out to be',
      labelNames: ['outcome'],
    });
    this.#logic = compileMachine<typeof arrivalMachine>(arrivalMachine, {
      wheel: deps.wheel,
      observe: deps.observe,
      actions: { cut: (_, { arrivalId }) => void this.#byId.get(arrivalId)?.socket.destroy() },
    });
  }

  get count(): number {
    return this.#byId.size;
  }

  /** Takes a connected (and, with TLS, secured) socket. */
  accept(socket: Socket, desk: ArrivalDesk): void {
    const arrivalId = `arrival:${++this.#made}`;
    const arrival = new Arrival(arrivalId, socket, peerOf(socket), desk, this.#deps.http2);
    const actor = this.#deps.supervisor().startChild(this.#logic, {
      id: arrivalId,
      input: { arrivalId },
      onCreated: (created) => {
        arrival.actor = created;
        this.#byId.add(arrivalId, arrival);
      },
      onDone: ({ output }) => {
        this.#byId.delete(arrivalId);
        const outcome = output?.kind ?? 'crashed';
        this.#ended.inc({ outcome });
        if (outcome === 'silent' || outcome === 'unfinished') desk.cut(arrival, outcome);
        if (outcome === 'crashed') socket.destroy();
      },
      onStopped: () => this.#byId.delete(arrivalId),
    });
    if (actor === undefined) {
      this.#ended.inc({ outcome: 'full' }); // R1
      socket.destroy();
      return;
    }
    socket.on('error', () => {}); // its close follows
    socket.once('close', () => actor.send({ type: 'connection.closed' }));
    firstBytes(socket, (verdict) => arrival.spoke(verdict));
  }

  /** kas stops: what has not become a connection yet is cut. */
  sendAway(): void {
    for (const { actor } of this.#byId.values()) actor?.send({ type: 'stop.requested' });
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined) return 'unknown';
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
