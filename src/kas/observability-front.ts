/** The observability endpoint as a listener of kas: liveness, readiness, metrics and the live state. */
import type { Front } from '../actors/index.ts';
import { openObservability, type Observability, type Probe } from '../inspect/index.ts';
import type { TlsPair } from '../files/index.ts';
import type { Clock, Log } from '../ports/index.ts';
import { serverName } from './build-info.ts';
import type { Dashboard } from './dashboard/index.ts';
import type { ListenAddress } from './listen.ts';
import { renewCertificate, tlsOptions } from './tls-server.ts';

export interface ObservabilityFrontDeps {
  readonly address: ListenAddress;
  readonly tls: (() => TlsPair) | undefined;
  readonly paths: { readonly metrics: string; readonly liveness: string; readonly readiness: string };
  readonly readinessProbes: Readonly<Record<string, Probe>>;
  readonly exposeMetrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly state: () => unknown;
  readonly dashboard: Dashboard | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export class ObservabilityFront implements Front {
  readonly #deps: ObservabilityFrontDeps;
  #open: Observability | undefined;

  constructor(deps: ObservabilityFrontDeps) {
    this.#deps = deps;
  }

  get port(): number {
    return this.#open?.port ?? 0;
  }

  async open(): Promise<void> {
    const { address, tls, dashboard, ...rest } = this.#deps;
    this.#open = await openObservability({
      ...rest,
      network: address.network,
      host: address.host,
      port: address.port,
      ...(address.socketPath === undefined ? {} : { socketPath: address.socketPath }),
      ...(tls === undefined
        ? {}
        : { tls: { options: tlsOptions(tls), secured: (server) => renewCertificate(server, tls) } }),
      ...(dashboard === undefined
        ? {}
        : { others: (path, request, response) => dashboard.answer(path, request, response) }),
      serverName,
    });
  }

  async drain(): Promise<void> {
    this.#deps.dashboard?.feed.dismiss(); // or the listener waits for those who watch
    await this.#open?.close();
  }

  async cut(): Promise<void> {
    await this.#open?.close();
  }
}
