/**
 * A listener for gRPC from GitLab or other kas (`spec/kas.md §3.1`, `§3.2`): HTTP/2, each connection under its own chart. A stop
 * sends GOAWAY and waits for the calls under way.
 */
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from 'node:http2';
import { Server } from 'node:net';
import { actorLimits, type AgentConnections, type Front } from '../actors/index.ts';
import { http2ServerOptions, type GrpcServer } from '../pipe/grpc/index.ts';
import type { Log } from '../ports/index.ts';
import type { TlsPair } from '../files/index.ts';
import { listen, type ListenAddress } from './listen.ts';
import { renewCertificate, tlsOptions } from './tls-server.ts';

const handshakeMsMax = 20_000;
/** Those that still shake hands included. */
const socketsMax = 2 * actorLimits.rpcConnectionsMax;

export interface GrpcFrontDeps {
  readonly address: ListenAddress;
  /** The certificate of now; the same object as long as nothing changed. */
  readonly tls: (() => TlsPair) | undefined;
  readonly grpc: GrpcServer;
  readonly connections: AgentConnections;
  readonly log: Log;
  /** Logged when it listens; operators know the originals' lines. */
  readonly upMessage: string;
}

export class GrpcFront implements Front {
  readonly #deps: GrpcFrontDeps;
  #server: Http2Server | Http2SecureServer | undefined;
  #port = 0;
  #listening = false;

  constructor(deps: GrpcFrontDeps) {
    this.#deps = deps;
  }

  get port(): number {
    return this.#port;
  }

  /** Bound, and still accepting. */
  get listening(): boolean {
    return this.#listening;
  }

  async open(failed: (reason: string) => void): Promise<void> {
    const { tls, address, grpc, connections, log, upMessage } = this.#deps;
    const server = tls === undefined ? createServer(http2ServerOptions()) : secureServer(tls);
    server.maxConnections = socketsMax;
    this.#server = server;
    grpc.onSession = (session, peer) => connections.accept(session, peer);
    grpc.onAbuse = (session, abuse) => connections.abused(session, abuse);
    grpc.attach(server);
    this.#port = await listen(server, address);
    this.#listening = true;
    server.on('error', (error: Error) => {
      this.#listening = false;
      failed(error.message);
    });
    log.info(upMessage, { net_network: address.network, net_address: address.text(this.#port) });
  }

  async drain(): Promise<void> {
    this.#listening = false;
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

function secureServer(tls: () => TlsPair): Http2SecureServer {
  const server = createSecureServer({
    ...http2ServerOptions(),
    ...tlsOptions(tls),
    allowHTTP1: false,
    handshakeTimeout: handshakeMsMax,
  });
  renewCertificate(server, tls);
  return server;
}
