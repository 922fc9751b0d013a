/**
 * Carries TCP connections inside WebSockets to kas, as the original agentk does with `ws` and `wss` addresses. Uses the
 * WebSocket library alone and no line of our own stream.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createWebSocketStream, WebSocket, type ClientOptions } from 'ws';

export class WebSocketBridge implements Disposable {
  /** Codes with which kas closed. */
  readonly closeCodes: number[] = [];
  readonly #server = createServer((socket) => this.#carry(socket));
  readonly #url: string;
  readonly #options: ClientOptions;

  private constructor(url: string, options: ClientOptions) {
    this.#url = url;
    this.#options = options;
  }

  static async to(url: string, options: ClientOptions = {}): Promise<WebSocketBridge> {
    const bridge = new WebSocketBridge(url, options);
    await new Promise<void>((resolve) => bridge.#server.listen(0, '127.0.0.1', resolve));
    return bridge;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }

  #carry(socket: Socket): void {
    const webSocket = new WebSocket(this.#url, ['ws-tunnel'], { perMessageDeflate: false, ...this.#options });
    webSocket.on('close', (code) => this.closeCodes.push(code));
    const stream = createWebSocketStream(webSocket);
    stream.on('error', () => socket.destroy());
    socket.on('error', () => stream.destroy());
    stream.on('close', () => socket.destroy());
    stream.pipe(socket).pipe(stream);
  }
}
