/**
 * What may stand between agentk and kas: something that ends WebSockets and passes their bytes on, and an HTTP proxy. Both
 * pass everything on to one port of this machine, whatever name was asked for, and both can misbehave.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';

export interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Ends what it passes on together. */
function join(near: Duplex, far: Duplex): void {
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
  near.on('close', () => far.destroy());
  far.on('close', () => near.destroy());
  near.pipe(far).pipe(near);
}

abstract class Door {
  /** Heads of the requests that came. */
  readonly requests: IncomingMessage[] = [];
  protected readonly server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(pair: Pair | undefined) {
    this.server = pair === undefined ? createServer() : createSecureServer(pair);
    this.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  close(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

export class WebSocketDoor extends Door {
  /** An answer in place of the upgrade. */
  instead: (request: IncomingMessage) => Answer | undefined = () => undefined;
  /** The sub-protocol it answers with. */
  protocol: string | false = 'ws-tunnel';

  static async to(port: number, pair?: Pair): Promise<WebSocketDoor> {
    const door = new WebSocketDoor(pair);
    const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => door.protocol });
    door.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      door.requests.push(request);
      const answer = door.instead(request);
      if (answer !== undefined) return give(answer, socket);
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        join(createWebSocketStream(webSocket), connect(port, '127.0.0.1'));
      });
    });
    await door.listen();
    return door;
  }
}

export class ProxyDoor extends Door {
  /** Refuses requests without this `Proxy-Authorization`. */
  authorization: string | undefined;
  /** Answers CONNECT with this status. */
  connectStatus = 200;
  /** Passes plain requests with `Upgrade` on. */
  forwardsUpgrades = true;

  static async to(port: number, pair?: Pair): Promise<ProxyDoor> {
    const door = new ProxyDoor(pair);
    door.server.on('connect', (request: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => {});
      const status = door.#statusFor(request, door.connectStatus);
      if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      join(socket, connect(port, '127.0.0.1'));
    });
    door.server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      const status = door.#statusFor(request, door.forwardsUpgrades ? 200 : 501);
      if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      const far = connect(port, '127.0.0.1');
      const lines = [];
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
      }
      far.write(`GET ${new URL(request.url ?? '').pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      join(socket, far);
    });
    await door.listen();
    return door;
  }

  #statusFor(request: IncomingMessage, good: number): number {
    this.requests.push(request);
    const given = request.headers['proxy-authorization'];
    return this.authorization === undefined || given === this.authorization ? good : 407;
  }
}

function give({ status, headers = {}, body = '' }: Answer, socket: Duplex): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} Test\r\nConnection: close\r\n${lines.join('')}\r\n${body}`);
}
