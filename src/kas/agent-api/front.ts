/**
 * The agent listener (`spec/kas.md §3.1`, `§3.2`, `§3.7`): gRPC over HTTP/2 from agentk, natively or inside WebSockets, on
 * one port, with TLS or without. What a connection speaks is found out by its first bytes (`statecharts/arrival.ts`); every
 * connection that speaks HTTP/2 is then under the same chart. A stop ends idle work with OK and waits for the rest, so
 * agents reconnect at once and running requests finish.
 *
 * F1. The certificate is asked for at each new connection, so a renewed one needs no restart.
 * F2. ALPN only says what is offered: the preface decides, so that balancers which re-encrypt without ALPN work as well.
 * F3. New connections come at a bounded rate (`acceptsPerSecond`): whoever rushes in is cut before TLS costs anything.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { actorLimits, type AgentConnections, type Arrivals, type Front } from '../../actors/index.ts';
import type { TlsPair } from '../../files/index.ts';
import { TokenBucket } from '../../pipe/grpc/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { listen, type ListenAddress } from '../listen.ts';
import { renewCertificate, tlsOptions } from '../tls-server.ts';
import { RefusalJournal } from './refusal-journal.ts';
import { UpgradeDesk } from './upgrade-desk.ts';

const handshakeMsMax = 20_000;
/** As servers in Go have it: TCP asks a silent peer, whatever else does. */
const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 } as const;

export interface AgentApiFrontDeps {
  readonly address: ListenAddress;
  /** The certificate of now; the same object as long as nothing changed. */
  readonly tls: (() => TlsPair) | undefined;
  /** WebSockets beside native HTTP/2: `agent.listen.websocket`. */
  readonly webSocket: boolean;
  readonly arrivals: Arrivals;
  readonly connections: AgentConnections;
  readonly clock: Clock;
  readonly log: Log;
}

export class AgentApiFront implements Front {
  readonly #deps: AgentApiFrontDeps;
  readonly #journal: RefusalJournal;
  #server: Server | undefined;
  #port = 0;

  constructor(deps: AgentApiFrontDeps) {
    this.#deps = deps;
    this.#journal = new RefusalJournal(deps.clock, deps.log);
  }

  get port(): number {
    return this.#port;
  }

  async open(failed: (reason: string) => void): Promise<void> {
    const { tls, webSocket, address, arrivals, log } = this.#deps;
    const desk = new UpgradeDesk(webSocket, this.#journal);
    const arrived = (socket: Socket) => {
      if (socket.destroyed) return; // F3
      if (server.listening) arrivals.accept(socket, desk);
      else socket.destroy(); // a handshake that outlived the listening
    };
    const server = tls === undefined ? createServer(socketOptions, arrived) : this.#secure(tls, arrived);
    server.maxConnections = actorLimits.connectionsMax + actorLimits.arrivalsMax;
    this.#limitRate(server);
    this.#server = server;
    this.#port = await listen(server, address);
    server.on('error', (error: Error) => failed(error.message));
    log.info('Agentk API endpoint is up', {
      net_network: address.network,
      net_address: address.text(this.#port),
      is_websocket: webSocket,
    });
  }

  async drain(): Promise<void> {
    const { arrivals, connections } = this.#deps;
    const closed = new Promise<void>((resolve) => {
      if (this.#server === undefined) resolve();
      else this.#server.close(() => resolve());
    });
    arrivals.sendAway();
    connections.sendAway();
    await Promise.all([closed, connections.allGone()]);
  }

  async cut(): Promise<void> {
    this.#deps.connections.cutAll('kas is stopping');
    await this.drain();
  }

  /** F3. */
  #limitRate(server: Server): void {
    const { clock, connections } = this.#deps;
    const { acceptsBurst, acceptsPerSecond } = actorLimits;
    const rate = new TokenBucket(acceptsBurst, acceptsPerSecond, clock.monotonic());
    server.prependListener('connection', (socket: Socket) => {
      if (rate.take(clock.monotonic())) return;
      connections.turnedAway('rush');
      socket.destroy();
    });
    server.on('drop', () => connections.turnedAway('full'));
  }

  #secure(tls: () => TlsPair, arrived: (socket: Socket) => void): TlsServer {
    const server = createTlsServer({
      ...tlsOptions(tls),
      ALPNProtocols: this.#deps.webSocket ? ['h2', 'http/1.1'] : ['h2'],
      handshakeTimeout: handshakeMsMax,
      ...socketOptions,
    });
    renewCertificate(server, tls); // F1
    server.on('secureConnection', arrived);
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET') return; // a probe of the port
      this.#journal.note('tls', `${socket.remoteAddress}:${socket.remotePort}`, error.message);
    });
    return server;
  }
}
