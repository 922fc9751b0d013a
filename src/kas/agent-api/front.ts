/**
 * The agent listener (`spec/kas.md §3.1`, `§3.2`): gRPC over HTTP/2 from agentk, each connection under its own chart. A stop
 * ends idle work with OK and waits for the rest, so agents reconnect at once and running requests finish.
 */
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from 'node:http2';
import { Server } from 'node:net';
import type { AgentConnections, Front } from '../../actors/index.ts';
import { http2ServerOptions, type GrpcServer } from '../../pipe/grpc/index.ts';
import type { Log } from '../../ports/index.ts';
import { listen, type ListenAddress } from '../listen.ts';

export interface AgentApiFrontDeps {
  readonly address: ListenAddress;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly grpc: GrpcServer;
  readonly connections: AgentConnections;
  readonly log: Log;
}

export class AgentApiFront implements Front {
  readonly #deps: AgentApiFrontDeps;
  #server: Http2Server | Http2SecureServer | undefined;
  #port = 0;

  constructor(deps: AgentApiFrontDeps) {
    this.#deps = deps;
  }

  get port(): number {
    return this.#port;
  }

  async open(failed: (reason: string) => void): Promise<void> {
    const { tls, address, grpc, connections, log } = this.#deps;
    const options = http2ServerOptions();
    const server =
      tls === undefined
        ? createServer(options)
        : createSecureServer({ ...options, ...tls, minVersion: 'TLSv1.2', allowHTTP1: false });
    this.#server = server;
    grpc.onSession = (session) => connections.accept(session);
    grpc.onAbuse = (session, abuse) => connections.abused(session, abuse);
    grpc.attach(server);
    this.#port = await listen(server, address);
    server.on('error', (error: Error) => failed(error.message));
    log.info('Agentk API endpoint is up', {
      net_network: address.network,
      net_address: address.text(this.#port),
      is_websocket: false,
    });
  }

  async drain(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server === undefined) resolve();
      // Only the listening: http2's own close closes the sessions too, and a closing session no longer pings.
      else Server.prototype.close.call(this.#server, () => resolve());
    });
    this.#deps.connections.sendAway();
    await Promise.all([closed, this.#deps.connections.allGone()]);
  }

  async cut(): Promise<void> {
    this.#deps.connections.cutAll('kas is stopping');
    await this.drain();
  }
}
