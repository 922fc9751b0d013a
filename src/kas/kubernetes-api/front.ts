/**
 * The Kubernetes API proxy's HTTP side (`spec/kas.md §5.1`, `§5.2`): checks in the originals' order, then one request actor
 * per request. HTTP/1.1 only, so that protocol switches work with and without TLS.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Front, Requests } from '../../actors/index.ts';
import type { TlsPair } from '../../files/index.ts';
import { upgradeResponse } from '../../pipe/http/index.ts';
import type { Clock, Labels, Log, Metrics, TimerHandle } from '../../ports/index.ts';
import { decodePath, parseQuery } from '../../protocol/index.ts';
import { listen, type Listen, type ListenAddress } from '../listen.ts';
import { renewCertificate, tlsOptions } from '../tls-server.ts';
import type { Authorizer } from './authorizer.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import { ConnectionCredentials } from './connection-credentials.ts';
import { ProxiedExchange, type CountOutcome } from './proxied-exchange.ts';
import { readRequestHead, type RequestHead } from './request-head.ts';
import { answerStatus } from './status-answer.ts';

export interface KubernetesApiFrontDeps {
  readonly address: ListenAddress;
  /** On this machine unless given. */
  readonly listen?: Listen | undefined;
  /** The certificate of now; the same object as long as nothing changed. */
  readonly tls: (() => TlsPair) | undefined;
  /** Ends with a slash. */
  readonly urlPathPrefix: string;
  readonly allowedOrigin: string | undefined;
  readonly requests: Requests;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** `spec/kas.md §8`: header time, idle time, header size. */
const limits = {
  headersMsMax: 10_000,
  idleMs: 60_000,
  headerBytesMax: 1024 * 1024,
  connectionsMax: 20_000,
  /** TCP asks a silent client after this, as servers in Go do. */
  probeMs: 15_000,
  lastWordsMs: 500,
  idleLookMs: 250,
};
const emptyQuery: readonly string[] = [];

interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upgrade?: { readonly socket: Duplex; readonly head: Buffer };
  readonly expectContinue: boolean;
}

export class KubernetesApiFront implements Front {
  readonly #deps: KubernetesApiFrontDeps;
  readonly #count: CountOutcome;
  readonly #credentials = new ConnectionCredentials();
  #server: Server | undefined;
  /** Connections whose protocol was switched: node's server no longer knows them. */
  readonly #switched = new Set<Duplex>();
  #port = 0;

  constructor(deps: KubernetesApiFrontDeps) {
    this.#deps = deps;
    const counter = deps.metrics.counter({
      name: 'k8s_api_proxy_requests_total',
      help: 'Requests to clusters by how they ended',
      labelNames: ['outcome'],
    });
    const labels = new Map<string, Labels>(); // a handful: outcomes are words of ours
    this.#count = (outcome) => {
      let known = labels.get(outcome);
      if (known === undefined) labels.set(outcome, (known = { outcome }));
      counter.inc(known);
    };
  }

  get port(): number {
    return this.#port;
  }

  async open(failed: (reason: string) => void): Promise<void> {
    const options: ServerOptions = {
      headersTimeout: limits.headersMsMax,
      requestTimeout: 0,
      keepAliveTimeout: limits.idleMs,
      // A client that lost its power says nothing: TCP asks it, or its watch would keep a tunnel for ever.
      keepAlive: true,
      keepAliveInitialDelay: limits.probeMs,
      maxHeaderSize: limits.headerBytesMax,
    };
    const { tls, address, log, urlPathPrefix } = this.#deps;
    const server = tls === undefined ? createServer(options) : secureServer(options, tls);
    this.#server = server;
    server.maxConnections = limits.connectionsMax;
    server.on('request', (request: IncomingMessage, response: ServerResponse) =>
      this.#serve({ request, response, expectContinue: false }),
    );
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
      this.#serve({ request, response, expectContinue: true }),
    );
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#switched.add(socket);
      socket.once('close', () => this.#switched.delete(socket));
      const response = upgradeResponse(request, socket);
      this.#serve({ request, response, upgrade: { socket, head }, expectContinue: false });
    });
    this.#port = await (this.#deps.listen ?? listen)(server, address);
    server.on('error', (error) => failed(error.message));
    log.info('Kubernetes API endpoint is up', {
      net_network: address.network,
      net_address: address.text(this.#port),
      url_path_prefix: urlPathPrefix,
    });
  }

  drain(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return Promise.resolve();
    const { clock } = this.#deps;
    return new Promise((resolve) => {
      let timer: TimerHandle;
      // Clients keep connections open: each is closed soon after its last response, not after the idle time.
      const closeIdle = () => {
        server.closeIdleConnections();
        timer = clock.setTimeout(closeIdle, limits.idleLookMs);
      };
      server.close(() => {
        clock.clearTimeout(timer);
        resolve();
      });
      closeIdle();
    });
  }

  /** Tells those who still wait, gives the words a moment to leave, and ends what is left. */
  async cut(): Promise<void> {
    const { requests, clock } = this.#deps;
    requests.abandonAll();
    const timer = clock.setTimeout(() => {
      this.#server?.closeAllConnections();
      for (const socket of this.#switched) socket.destroy();
    }, limits.lastWordsMs);
    await this.drain();
    clock.clearTimeout(timer);
    for (const socket of this.#switched) socket.destroy();
  }

  #serve(arrival: Arrival): void {
    const { request, response } = arrival;
    const head = readRequestHead(request);
    const { allowedOrigin, urlPathPrefix, requests, authorizer, clock } = this.#deps;
    const cors = corsHeaders(head.origin, allowedOrigin);
    if (cors === undefined) return void response.writeHead(403).end();
    for (let i = 0; i + 1 < cors.length; i += 2) response.appendHeader(cors[i] ?? '', cors[i + 1] ?? '');
    if (request.method === 'OPTIONS') return this.#preflight(request, response);
    const path = decodePath(head.rawPath);
    if (path === undefined || !path.startsWith(urlPathPrefix)) {
      return answerStatus(response, head, 400, 'Bad request: URL does not start with expected prefix');
    }
    const query = head.rawQuery === '' ? undefined : parseQuery(head.rawQuery);
    const credentials = this.#credentials.of(request.socket, head, query);
    if (credentials.kind === 'invalid') return this.#unauthorized(response, head, credentials.reason);
    query?.delete('gitlab-agent-id');
    query?.delete('gitlab-csrf-token');
    const exchange = new ProxiedExchange(
      {
        ...arrival,
        head,
        urlPath: path.slice(urlPathPrefix.length - 1),
        query: query ?? emptyQuery,
        credentials,
      },
      { authorizer, clock, count: this.#count },
    );
    const handle = requests.start(exchange);
    if (handle === undefined) {
      return answerStatus(response, head, 503, 'Too many requests are pending, try again later');
    }
    // Once it is forwarded the pipe watches the client, and knows a finished response from a client that left.
    if (handle.forwarding) return;
    response.once('close', () => {
      if (!handle.forwarding) handle.clientGone();
    });
  }

  #preflight(request: IncomingMessage, response: ServerResponse): void {
    const asked = request.headersDistinct['access-control-request-headers'] ?? [];
    const headers = preflightHeaders(asked);
    for (let i = 0; i + 1 < headers.length; i += 2)
      response.appendHeader(headers[i] ?? '', headers[i + 1] ?? '');
    response.writeHead(200).end();
  }

  #unauthorized(response: ServerResponse, head: RequestHead, reason: string): void {
    this.#count('refused');
    answerStatus(response, head, 401, `Unauthorized: ${reason}`, ['Gitlab-Unauthorized', 'true']);
  }
}

function secureServer(options: ServerOptions, tls: () => TlsPair): Server {
  const server = createTlsServer({ ...options, ...tlsOptions(tls) });
  renewCertificate(server, tls);
  return server;
}
