/**
 * The HTTP endpoint operators and kubelets read: liveness, readiness and Prometheus metrics, and a JSON view of the live
 * actors. Paths, answers and limits as the originals' (`spec/kas.md §7.5`, `spec/agentk.md §7`), without their profiler.
 *
 * O1. It answers from memory; nothing a caller sends changes anything.
 * O2. Readiness names the first probe that fails; during a drain it says so, so that balancers turn away.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { Clock, Log } from '../ports/index.ts';

/** Undefined when well, else a short reason without secrets. */
export type Probe = () => string | undefined;

export interface ObservabilityOptions {
  readonly network: string;
  readonly host: string;
  readonly port: number;
  /** Unix socket path; wins over host and port when the network is `unix`. */
  readonly socketPath?: string;
  /** What the TLS server is made with; `secured` then gets hold of it, e.g. to renew its certificate. */
  readonly tls?: { readonly options: SecureContextOptions; readonly secured?: (server: TlsServer) => void };
  readonly paths: { readonly metrics: string; readonly liveness: string; readonly readiness: string };
  readonly livenessProbes?: Readonly<Record<string, Probe>>;
  readonly readinessProbes: Readonly<Record<string, Probe>>;
  readonly exposeMetrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** Served as JSON at `/state`: the live actors and their latest transitions. */
  readonly state?: () => unknown;
  /** Answers what else is served; false for paths it does not know. */
  readonly others?: (path: string, request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
  /** `Server` header: `gitlab-kas/<version>/<commit>`. */
  readonly serverName: string;
  readonly log: Log;
  readonly clock: Clock;
}

export interface Observability {
  readonly address: string;
  readonly port: number;
  /** Stops accepting and closes idle connections; resolves when all are gone or after the grace. */
  close(): Promise<void>;
}

const observabilityLimits = {
  requestMsMax: 15_000,
  headersMsMax: 5_000,
  idleMs: 60_000,
  closeGraceMs: 15_000,
  headerBytesMax: 16 * 1024,
  connectionsMax: 256,
} as const;

/**
 * Opens the endpoint. Rejects with the bind error.
 */
export async function openObservability(options: ObservabilityOptions): Promise<Observability> {
  const settings = {
    requestTimeout: observabilityLimits.requestMsMax,
    headersTimeout: observabilityLimits.headersMsMax,
    keepAliveTimeout: observabilityLimits.idleMs,
    maxHeaderSize: observabilityLimits.headerBytesMax,
  };
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    void respond(options, request, response).catch((error: unknown) => {
      options.log.error('Observability request failed', { error: error as Error });
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
  const secure = (tls: NonNullable<ObservabilityOptions['tls']>): Server => {
    const made = createTlsServer({ ...settings, ...tls.options }, answer);
    tls.secured?.(made);
    return made;
  };
  const server = options.tls === undefined ? createServer(settings, answer) : secure(options.tls);
  server.maxConnections = observabilityLimits.connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const done = () => {
      server.off('error', reject);
      resolve();
    };
    if (options.socketPath === undefined) server.listen(options.port, options.host, done);
    else server.listen(options.socketPath, done);
  });
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  const address =
    bound !== null && typeof bound === 'object'
      ? joinAddress(options.host, port)
      : (options.socketPath ?? '');
  options.log.info('Observability endpoint is up', { net_network: options.network, net_address: address });
  return { address, port, close: () => close(server, options.clock) };
}

/** `host:port`, with brackets around IPv6. */
export function joinAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function close(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const kill = clock.setTimeout(() => server.closeAllConnections(), observabilityLimits.closeGraceMs);
    server.close(() => {
      clock.clearTimeout(kill);
      resolve();
    });
    server.closeIdleConnections();
  });
}

async function respond(
  options: ObservabilityOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('Server', options.serverName);
  const [path = '/'] = (request.url ?? '/').split('?', 1);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end();
  } else if (path === options.paths.metrics) {
    const { contentType, body } = await options.exposeMetrics();
    response.writeHead(200, { 'Content-Type': contentType }).end(body);
  } else if (path === options.paths.liveness) {
    probe(options.livenessProbes ?? {}, response);
  } else if (path === options.paths.readiness) {
    probe(options.readinessProbes, response);
  } else if (path === '/state' && options.state !== undefined) {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(options.state(), exact));
  } else if ((await options.others?.(path, request, response)) !== true) {
    response.writeHead(404).end();
  }
}

/** 64-bit ids as decimal strings: a JSON number would lose their last digits. */
function exact(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

function probe(probes: Readonly<Record<string, Probe>>, response: ServerResponse): void {
  for (const [name, check] of Object.entries(probes)) {
    const failure = check();
    if (failure !== undefined) {
      response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${name}: ${failure}`);
      return;
    }
  }
  response.writeHead(200).end();
}
