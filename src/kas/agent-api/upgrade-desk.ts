/**
 * HTTP/1.1 on the agent listener (`spec/kas.md §3.7`): WebSocket handshakes become streams, everything else gets an answer
 * that says what this port is for. One request per connection.
 *
 * K1. Each arrival that comes here is told once how it ended; what breaks on the way closes its socket, which it hears too.
 * K2. Every answer names this server (`Server`), is plain text, and closes the connection; what the peer still sends is read
 *     and dropped meanwhile, because a socket closed over unread bytes takes the answer with it.
 */
import { createServer, STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Arrival, ArrivalDesk } from '../../actors/index.ts';
import { handshakeRefusal, WebSocketAcceptor, webSocketLimits } from '../../pipe/websocket/index.ts';
import { serverName } from '../build-info.ts';
import type { RefusalJournal, Trouble } from './refusal-journal.ts';

interface Answer {
  readonly httpStatus: number;
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const webSocketOff: Answer = {
  httpStatus: 400,
  reason: 'this port takes gRPC over HTTP/2 with prior knowledge; WebSockets are switched off here',
};

export class UpgradeDesk implements ArrivalDesk {
  readonly #journal: RefusalJournal;
  readonly #webSocket: WebSocketAcceptor | undefined;
  /** Never listens: it reads requests from sockets that came elsewhere. */
  readonly #http: Server;
  readonly #arrivals = new WeakMap<Duplex, Arrival>();

  /** @param webSocket false answers every request with what this port is for */
  constructor(webSocket: boolean, journal: RefusalJournal) {
    this.#journal = journal;
    this.#webSocket = webSocket ? new WebSocketAcceptor(serverName) : undefined;
    this.#http = createServer({ maxHeaderSize: webSocketLimits.headerBytesMax, keepAlive: false });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    const onRequest = (request: IncomingMessage) => {
      this.#refuse(request.socket, this.#judge(request));
      request.resume();
    };
    this.#http.on('request', onRequest);
    this.#http.on('checkContinue', onRequest);
    this.#http.on('connect', (request, socket) => this.#refuse(socket, this.#judge(request)));
    this.#http.on('clientError', (error, socket) => {
      this.#refuse(socket, { httpStatus: 400, reason: `neither HTTP/2 nor HTTP/1.1: ${error.message}` });
    });
  }

  http1(arrival: Arrival): void {
    const { socket } = arrival;
    this.#arrivals.set(socket, arrival);
    this.#http.emit('connection', socket);
    socket.resume();
  }

  cut({ peer }: Arrival, state: 'silent' | 'unfinished'): void {
    this.#journal.note(state, peer, 'cut at the deadline for new connections');
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const arrival = this.#arrivals.get(socket);
    const refusal = this.#webSocket === undefined ? webSocketOff : handshakeRefusal(request);
    if (refusal !== undefined || arrival === undefined || this.#webSocket === undefined) {
      return this.#refuse(socket, refusal ?? webSocketOff);
    }
    this.#webSocket.accept(request, socket, head, (accepted) => {
      if (accepted.kind === 'tunnel') return arrival.upgraded(accepted.stream);
      this.#journal.note('noSubprotocol', arrival.peer, accepted.reason);
      arrival.refused();
    });
  }

  #judge(request: IncomingMessage): Answer {
    if (this.#webSocket === undefined) return webSocketOff;
    return handshakeRefusal(request) ?? { httpStatus: 400, reason: 'the request cannot be understood' };
  }

  #refuse(socket: Duplex | Socket, { httpStatus, reason, headers = {} }: Answer): void {
    const arrival = this.#arrivals.get(socket);
    if (arrival === undefined) return void socket.destroy();
    this.#arrivals.delete(socket); // K1
    const trouble: Trouble = this.#webSocket === undefined ? 'webSocketOff' : 'notWebSocket';
    this.#journal.note(trouble, arrival.peer, reason);
    arrival.refused();
    const body = `${reason}\n`;
    const lines = [
      `HTTP/1.1 ${httpStatus} ${STATUS_CODES[httpStatus] ?? ''}`,
      `Server: ${serverName}`,
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...Object.entries({ Connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}`),
    ];
    socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
    socket.resume(); // K2
  }
}
