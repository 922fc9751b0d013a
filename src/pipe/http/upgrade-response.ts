/**
 * A ServerResponse for a request that node:http handed over through its 'upgrade' event, so that refusals and answers
 * other than 101 are written as on any other request. The connection closes after such an answer: Node's parser has
 * let go of it.
 *
 * 1. Until protocols are switched nobody reads from the socket, so a client that goes away would not be noticed. A
 *    'readable' listener watches for its FIN and leaves bytes where they are.
 */
import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Binds a response to the socket of an upgrade event. `detachSocket` gives the socket free again, flowing or not. */
export function upgradeResponse(request: IncomingMessage, socket: Duplex): ServerResponse {
  return new UpgradeResponse(request, socket);
}

class UpgradeResponse extends ServerResponse {
  readonly #drained = () => this.emit('drain'); // the server forwards this only for its own connections
  readonly #readable = () => void this.#watched?.read(0);
  readonly #ended = () => void this.#watched?.destroy();
  #watched: Duplex | undefined;

  constructor(request: IncomingMessage, socket: Duplex) {
    super(request);
    this.shouldKeepAlive = false;
    socket.on('error', () => {}); // 'close' follows
    socket.on('drain', this.#drained);
    socket.on('readable', this.#readable); // invariant 1
    socket.on('end', this.#ended);
    this.#watched = socket;
    // Node's types are narrower than its use: the upgrade event of net and tls servers gives a Socket.
    this.assignSocket(socket as Socket);
    this.once('finish', () => {
      this.detachSocket(socket as Socket);
      socket.end(() => socket.destroy());
      socket.resume();
    });
  }

  override detachSocket(socket: Socket): void {
    super.detachSocket(socket);
    this.#watched = undefined;
    socket.off('drain', this.#drained);
    socket.off('readable', this.#readable);
    socket.off('end', this.#ended);
  }
}
