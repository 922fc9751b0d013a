/** Stands for a node:http2 server and for the types of node:http2: what the gRPC layer is attached to. */
import { EventEmitter } from 'node:events';
import type { ClientHttp2Session, Http2Server } from 'node:http2';
import type { Endpoint } from './endpoint.ts';
import type { Http2Frame } from './http2-frame.ts';
import { SimulatedSession } from './http2-session.ts';
import type { SimulatedNetwork } from './network.ts';

export class SimulatedHttp2Server extends EventEmitter {
  readonly #network: SimulatedNetwork<Http2Frame>;

  constructor(network: SimulatedNetwork<Http2Frame>) {
    super();
    this.#network = network;
  }

  updateSettings(): void {}
  setTimeout(): void {}

  accept(endpoint: Endpoint<Http2Frame>): void {
    const session = new SimulatedSession(this.#network, endpoint, true);
    session.on('stream', (...stream: unknown[]) => this.emit('stream', ...stream));
    this.emit('session', session);
  }
}

/**
 * The two places where the simulated take the names of the real. They have what `src/pipe/grpc`, `src/actors` and
 * `src/agentk/link` use, and nothing else.
 */
export function asHttp2Server(server: SimulatedHttp2Server): Http2Server {
  return server as object as Http2Server;
}
export function asClientSession(session: SimulatedSession): ClientHttp2Session {
  return session as object as ClientHttp2Session;
}
