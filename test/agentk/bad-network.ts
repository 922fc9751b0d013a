/** A wire between agentk and kas that can be cut, blocked or made to swallow everything. */
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

export class BadNetwork {
  port = 0;
  /** Connections ever accepted. */
  accepted = 0;
  /** Nothing passes, and nobody is told. */
  blackHole = false;
  /** Connections are cut as soon as they are made. */
  refusing = false;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  private constructor(targetPort: number) {
    this.#server = createServer((near) => {
      this.accepted += 1;
      near.on('error', () => {});
      if (this.refusing) return void near.resetAndDestroy();
      const far = connect(targetPort, '127.0.0.1');
      far.on('error', () => {});
      const pair = [near, far] as const;
      this.#pairs.add(pair);
      this.#pass(near, far, pair);
      this.#pass(far, near, pair);
    });
  }

  static async to(targetPort: number): Promise<BadNetwork> {
    const network = new BadNetwork(targetPort);
    await new Promise<void>((resolve) => network.#server.listen(0, '127.0.0.1', resolve));
    network.port = (network.#server.address() as AddressInfo).port;
    return network;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Cuts all connections as a reset. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  }

  close(): void {
    this.#server.close();
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  #pass(from: Socket, to: Socket, pair: readonly [Socket, Socket]): void {
    from.on('data', (chunk) => {
      if (!this.blackHole) to.write(chunk);
    });
    from.on('close', () => {
      this.#pairs.delete(pair);
      if (!this.blackHole) to.destroy();
    });
  }
}
