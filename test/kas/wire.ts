/** A TCP relay between a peer and kas: the wire that can be cut or go silent while both ends believe in it. */
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

export class Wire implements Disposable {
  readonly #server = createServer();
  readonly #sockets = new Set<Socket>();
  #silent = false;

  static async to(port: number): Promise<Wire> {
    const wire = new Wire();
    wire.#server.on('connection', (near) => wire.#join(near, createConnection(port, '127.0.0.1')));
    await new Promise<void>((resolve) => wire.#server.listen(0, '127.0.0.1', resolve));
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Nothing passes any more, in either direction, and nobody is told. */
  goSilent(): void {
    this.#silent = true;
  }

  /** Resets all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  [Symbol.dispose](): void {
    this.cut();
    this.#server.close();
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => {});
      from.on('data', (chunk: Buffer) => {
        if (!this.#silent) to.write(chunk);
      });
      from.on('close', () => {
        this.#sockets.delete(from);
        if (!this.#silent) to.destroy();
      });
    }
  }
}
