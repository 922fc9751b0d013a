/** Two ends of a tunnel over 127.0.0.1: our acceptor behind node:http, and our dialler or a bare WebSocket of the library. */
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { dialWebSocket, WebSocketAcceptor } from '../../../src/pipe/websocket/index.ts';

export class Loopback implements AsyncDisposable {
  readonly #server: Server = createServer();
  readonly #sockets = new Set<Socket>();
  readonly #accepted: Duplex[] = [];
  #wake: () => void = () => {};

  static async open(): Promise<Loopback> {
    const loopback = new Loopback();
    const acceptor = new WebSocketAcceptor('test');
    const server = loopback.#server;
    server.on('connection', (socket: Socket) => {
      loopback.#sockets.add(socket);
      socket.on('close', () => loopback.#sockets.delete(socket));
    });
    server.on('upgrade', (request, socket, head) => {
      acceptor.accept(request, socket, head, (accepted) => {
        if (accepted.kind !== 'tunnel') throw new Error(accepted.reason);
        accepted.stream.on('error', () => {}); // told to those who ask
        loopback.#accepted.push(accepted.stream);
        loopback.#wake();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return loopback;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open at the server. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Cuts all connections without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The server's end of the next tunnel. */
  async accepted(): Promise<Duplex> {
    for (;;) {
      const stream = this.#accepted.shift();
      if (stream !== undefined) return stream;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Both ends of a tunnel. */
  async pair(): Promise<{ readonly client: Duplex; readonly server: Duplex }> {
    const dialled = await dialWebSocket({
      socket: connect(this.port, '127.0.0.1'),
      url: new URL(`ws://127.0.0.1:${this.port}/`),
      headers: {},
      signal: new AbortController().signal,
    });
    if (dialled.kind !== 'open') throw new Error(dialled.kind);
    dialled.stream.on('error', () => {});
    return { client: dialled.stream, server: await this.accepted() };
  }

  /** A peer that is not ours. */
  async withPeer(): Promise<{ readonly peer: WebSocket; readonly server: Duplex }> {
    const peer = new WebSocket(`ws://127.0.0.1:${this.port}/`, ['ws-tunnel']);
    await new Promise((resolve) => peer.once('open', resolve));
    return { peer, server: await this.accepted() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
