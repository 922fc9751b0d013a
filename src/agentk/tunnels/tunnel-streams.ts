/**
 * The `Connect` streams of all tunnels (`spec/wire.md §6.1`), by tunnel. One is opened when a tunnel's chart says so,
 * waits for `request_info`, is handed to whoever serves the request, and comes back: offered again when kas reuses
 * tunnels, else ended. Charts hear facts by tunnel and stream number; payloads never leave this file and the pipe.
 *
 * U1. For each stream opened exactly one `stream.ended` is told, last; none when its tunnel was forgotten.
 * U2. A stream is offered again only when the exchange left it clean, both ends speak of reuse, its connection is the
 *     current one, and the tunnel is not stopping.
 * U3. `forget` leaves nothing of a tunnel behind, whatever state it was in.
 */
import { openCall } from '../../pipe/grpc/index.ts';
import type { MessageStream, StreamEnd } from '../../pipe/grpc/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { methods, status, StatusCode, statusText } from '../../protocol/index.ts';
import type { Metadata, RpcStatus } from '../../protocol/index.ts';
import { decodeTunnelDown, encodeDescriptor, retirement } from '../../protocol/envelope/index.ts';
import type { ServiceDescriptor } from '../../protocol/envelope/index.ts';
import { Population } from '../../supervisor/index.ts';
import type { StreamVerdict } from '../../../statecharts/index.ts';
import type { KasCaller } from '../kas-caller.ts';
import type { LinkBoard, LiveLink } from '../link/index.ts';
import { OncePerChange } from '../once-per-change.ts';

/** Call and response metadata by which both ends agree to use a tunnel again (design/data-plane.md). */
export const reuseKey = 'kastor-tunnel-reuse';

/** Facts for the tunnel's chart. */
export type TunnelFact =
  | { readonly type: 'request.arrived'; readonly stream: number }
  | { readonly type: 'request.finished'; readonly stream: number; readonly atMs: number }
  | {
      readonly type: 'stream.ended';
      readonly stream: number;
      readonly verdict: StreamVerdict;
      readonly atMs: number;
      readonly livedMs: number;
    };

/** A request that came through a tunnel. The stream's handler belongs to whoever serves it until it says `done`. */
export interface TunnelledRequest {
  readonly stream: MessageStream;
  /** Full path of the RPC. */
  readonly method: string;
  /** Asked at a clean end: what offers the stream again; undefined when it must not be offered. */
  readonly descriptor: () => Buffer | undefined;
}

/** How serving ended. `offered`: the descriptor was sent; else our side is half-closed, or the stream is gone. */
export interface Served {
  readonly offered: boolean;
  readonly status: RpcStatus;
}

/** Serves one request; calls `done` once, never before it has returned. */
export type ServeRequest = (request: TunnelledRequest, done: (served: Served) => void) => void;

export interface TunnelStreamsDeps {
  readonly board: LinkBoard;
  readonly caller: KasCaller;
  /** What this agent says it can serve. */
  readonly services: readonly ServiceDescriptor[];
  readonly serve: ServeRequest;
  readonly clock: Clock;
  readonly log: Log;
}

interface Opening {
  readonly tunnelId: string;
  readonly stream: number;
  readonly incarnation: number;
}

interface Open {
  readonly tunnelId: string;
  readonly number: number;
  readonly link: LiveLink;
  readonly call: MessageStream;
  readonly openedAt: number;
  readonly tell: (fact: TunnelFact) => void;
  busy: boolean;
  /** kas agreed to reuse. */
  reuse: boolean;
  /** Not to be offered again. */
  sealed: boolean;
}

export class TunnelStreams {
  readonly #deps: TunnelStreamsDeps;
  readonly #metadata: Metadata;
  readonly #descriptor: Buffer;
  readonly #open = new Population<Open>();
  readonly #troubles = new OncePerChange();
  #busy = 0;

  constructor(deps: TunnelStreamsDeps) {
    this.#deps = deps;
    this.#metadata = new Map([...deps.caller.metadata, [reuseKey, ['1']]]);
    this.#descriptor = encodeDescriptor(deps.services);
  }

  /** Streams that carry a request now. */
  get busy(): number {
    return this.#busy;
  }

  isBusy(tunnelId: string): boolean {
    return this.#open.get(tunnelId)?.busy ?? false;
  }

  open({ tunnelId, stream, incarnation }: Opening, tell: (fact: TunnelFact) => void): void {
    const { board, caller, clock } = this.#deps;
    this.forget(tunnelId);
    const openedAt = clock.monotonic();
    const link = board.current;
    if (link?.incarnation !== incarnation) {
      return tell({ type: 'stream.ended', stream, verdict: 'lost', atMs: openedAt, livedMs: 0 });
    }
    const { stream: call } = openCall(link.session, methods.connect.path, this.#metadata, caller.options);
    const open: Open = {
      tunnelId,
      number: stream,
      link,
      call,
      openedAt,
      tell,
      busy: false,
      reuse: false,
      sealed: false,
    };
    this.#open.add(tunnelId, open);
    this.#awaitRequest(open);
    call.write(this.#descriptor);
  }

  /** Takes an idle stream out of kas's routing (`statecharts/tunnel-client.ts` T5). */
  halfClose(tunnelId: string, stream: number): void {
    const open = this.#open.get(tunnelId);
    if (open?.number !== stream) return;
    // A request that crosses this on the wire is not executed; kas reads so and takes another tunnel.
    // The headers that grant reuse come with a stream's first request: one that had none knows it of its connection.
    if (open.reuse || this.#deps.board.reuses(open.link.incarnation)) open.call.write(retirement);
    open.call.halfClose();
    open.call.handler = {
      onMessage: ignore,
      onHalfClosed: ignore,
      onDrain: ignore,
      onClosed: (end) => this.#ended(open, this.#verdict(end, open, false)),
    };
  }

  /** After its request the stream ends instead of offering itself again. */
  seal(tunnelId: string, stream: number): void {
    const open = this.#open.get(tunnelId);
    if (open?.number === stream) open.sealed = true;
  }

  abort(tunnelId: string, stream: number): void {
    const open = this.#open.get(tunnelId);
    if (open?.number === stream) open.call.abort('tunnel closed by agentk');
  }

  /** Ends whatever this tunnel still has (U3). */
  forget(tunnelId: string): void {
    const open = this.#open.get(tunnelId);
    if (open === undefined) return;
    this.#open.delete(tunnelId);
    this.#setBusy(open, false);
    open.call.abort('tunnel ended');
  }

  /** The stream is idle: the next message is a request. */
  #awaitRequest(open: Open): void {
    open.call.handler = {
      onHeaders: (metadata) => {
        if (metadata.get(reuseKey)?.[0] !== '1') return;
        open.reuse = true;
        this.#deps.board.noteReuse(open.link.incarnation);
      },
      onMessage: (payload) => this.#claimed(open, payload),
      onHalfClosed: ignore,
      onDrain: ignore,
      onClosed: (end) => this.#ended(open, this.#verdict(end, open, false)),
    };
  }

  #claimed(open: Open, payload: Buffer): void {
    const message = decodeTunnelDown(payload);
    if (message.kind !== 'requestInfo') {
      const why =
        message.kind === 'malformed'
          ? message.status
          : status(StatusCode.InvalidArgument, `${message.kind} came before request_info`);
      this.#trouble('kas broke the tunnel protocol', why);
      open.call.abort('protocol violation');
      return;
    }
    this.#troubles.forget();
    this.#setBusy(open, true);
    open.tell({ type: 'request.arrived', stream: open.number });
    const request: TunnelledRequest = {
      stream: open.call,
      method: message.method,
      descriptor: () => (this.#mayOffer(open) ? this.#descriptor : undefined),
    };
    this.#deps.serve(request, (served) => this.#served(open, served));
  }

  #served(open: Open, { offered, status: outcome }: Served): void {
    if (offered) {
      this.#setBusy(open, false);
      this.#awaitRequest(open);
      open.tell({ type: 'request.finished', stream: open.number, atMs: this.#deps.clock.monotonic() });
      return;
    }
    if (!open.call.open) return this.#ended(open, this.#ofStatus(outcome, open, true));
    open.call.handler = {
      onMessage: ignore,
      onHalfClosed: ignore,
      onDrain: ignore,
      onClosed: (end) => this.#ended(open, this.#verdict(end, open, true)),
    };
  }

  #ended(open: Open, verdict: StreamVerdict): void {
    if (this.#open.get(open.tunnelId) !== open) return; // forgotten: nobody wants to know
    this.#open.delete(open.tunnelId);
    this.#setBusy(open, false);
    const atMs = this.#deps.clock.monotonic();
    open.tell({ type: 'stream.ended', stream: open.number, verdict, atMs, livedMs: atMs - open.openedAt }); // U1
  }

  /** U2. */
  #mayOffer(open: Open): boolean {
    return open.reuse && !open.sealed && this.#isCurrent(open);
  }

  #isCurrent(open: Open): boolean {
    return this.#deps.board.current?.incarnation === open.link.incarnation;
  }

  #verdict(end: StreamEnd, open: Open, served: boolean): StreamVerdict {
    switch (end.kind) {
      case 'lost':
        // A stream refused on a living connection is no loss of the link, which could not mend it.
        return this.#isCurrent(open) ? 'failed' : 'lost';
      case 'cancelled':
      case 'ended':
        return served ? 'served' : 'again';
      case 'violation':
        this.#trouble('kas broke the tunnel protocol', end.status);
        return 'failed';
      case 'finished':
        return this.#ofStatus(end.status, open, served);
    }
  }

  #ofStatus(outcome: RpcStatus, open: Open, served: boolean): StreamVerdict {
    const { code } = outcome;
    if (code === StatusCode.OK || code === StatusCode.Canceled || code === StatusCode.DeadlineExceeded) {
      return served ? 'served' : 'again';
    }
    this.#deps.board.noteStatus(open.link.incarnation, outcome);
    if (!this.#isCurrent(open)) return 'lost';
    this.#trouble('Tunnel to kas failed', outcome);
    return 'failed';
  }

  #trouble(what: string, outcome: RpcStatus): void {
    const reason = statusText(outcome);
    if (this.#troubles.changed(reason) === undefined) this.#deps.log.debug(what, { reason });
    else this.#deps.log.warn(what, { reason });
  }

  #setBusy(open: Open, busy: boolean): void {
    if (open.busy === busy) return;
    open.busy = busy;
    this.#busy += busy ? 1 : -1;
  }
}

function ignore(): void {}
