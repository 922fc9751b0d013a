/** Liveness, readiness, metrics and the state of the actors over HTTP (`spec/agentk.md §7`). */
import { readFileSync } from 'node:fs';
import { tlsRules } from '../pipe/tls/index.ts';
import { answerRecording, openObservability } from '../inspect/index.ts';
import type { Observability, RecordingSource } from '../inspect/index.ts';
import { agentName } from './build-info.ts';
import type { AgentkOptions, ObservabilityListen } from './options.ts';

/** What is shown of the running agent. */
export interface Seen {
  /** At `/state`. */
  readonly state: () => unknown;
  /** At `/api/recorder`. */
  readonly recording: () => RecordingSource;
}

/** Opens the listener the options name. Rejects with the reason when that is not possible. */
export async function openEndpoint(
  listen: ObservabilityListen,
  options: AgentkOptions,
  seen: Seen,
): Promise<Observability> {
  const { certFile, keyFile, network, address } = listen;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new Error('both observability-cert-file and observability-key-file must be given, or neither');
  }
  return openObservability({
    network,
    ...placeOf(network, address),
    ...(certFile === undefined || keyFile === undefined
      ? {}
      : {
          tls: {
            options: {
              ...tlsRules,
              cert: readFileSync(certFile, 'utf8'),
              key: readFileSync(keyFile, 'utf8'),
            },
          },
        }),
    paths: { metrics: '/metrics', liveness: '/liveness', readiness: '/readiness' },
    // Ready also without kas: existing deployments expect it (spec/agentk.md §7).
    readinessProbes: {},
    exposeMetrics: countedScrapes(options),
    state: seen.state,
    others: async (path, _request, response) => {
      if (path !== '/api/recorder') return false;
      await answerRecording(seen.recording(), response);
      return true;
    },
    serverName: agentName(options.build),
    log: options.ports.log,
    clock: options.ports.clock,
  });
}

function placeOf(network: string, address: string): { host: string; port: number; socketPath?: string } {
  if (network === 'unix') return { host: '', port: 0, socketPath: address };
  if (!/^tcp[46]?$/.test(network)) throw new Error(`unsupported observability-listen-network: ${network}`);
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  if (colon < 0 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`invalid observability-listen-address: ${JSON.stringify(address)}`);
  }
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  if (host !== '') return { host, port };
  return { host: network === 'tcp4' ? '0.0.0.0' : network === 'tcp6' ? '::' : '', port };
}

/** The metrics, with the counters of their own scrapes that the original's library adds. */
function countedScrapes({ ports: { metrics, expose } }: AgentkOptions): AgentkOptions['ports']['expose'] {
  let running = 0;
  const scrapes = metrics.counter({
    name: 'promhttp_metric_handler_requests_total',
    help: 'Scrapes of the metrics, by HTTP status.',
    labelNames: ['code'],
  });
  metrics.observed(
    { name: 'promhttp_metric_handler_requests_in_flight', help: 'Scrapes of the metrics under way.' },
    () => running,
  );
  const [good, bad] = [{ code: '200' }, { code: '500' }];
  return async () => {
    running += 1;
    let outcome = bad;
    try {
      const exposed = await expose();
      outcome = good;
      return exposed;
    } finally {
      running -= 1;
      scrapes.inc(outcome);
    }
  };
}
