/**
 * `kubernetes_api`: what comes through a tunnel goes to the cluster's API server (`spec/agentk.md §4`). It always runs; the
 * requests themselves are served by the pipe, here they are only counted and pointed at the target.
 */
import { serveTunnelExchange } from '../../pipe/http/index.ts';
import type { Clock, Log, Metrics } from '../../ports/index.ts';
import { methods, StatusCode, statusName } from '../../protocol/index.ts';
import type { ServiceDescriptor } from '../../protocol/envelope/index.ts';
import type { ApiServer } from '../kubernetes/index.ts';
import type { ServeRequest } from '../tunnels/index.ts';
import type { AgentModule } from './module.ts';

export interface KubernetesApiDeps {
  readonly server: ApiServer;
  readonly agentName: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface KubernetesApi {
  readonly module: AgentModule;
  readonly services: readonly ServiceDescriptor[];
  readonly serve: ServeRequest;
}

export function createKubernetesApi({
  server,
  agentName,
  clock,
  log,
  metrics,
}: KubernetesApiDeps): KubernetesApi {
  const { makeRequest } = methods;
  const labels = {
    grpc_type: 'bidi_stream',
    grpc_service: makeRequest.service,
    grpc_method: makeRequest.name,
  };
  const labelNames = Object.keys(labels);
  const started = metrics.counter({
    name: 'grpc_server_started_total',
    help: 'Requests that came through tunnels.',
    labelNames,
  });
  const handled = metrics.counter({
    name: 'grpc_server_handled_total',
    help: 'Requests that came through tunnels and ended, by gRPC code.',
    labelNames: [...labelNames, 'grpc_code'],
  });
  const ended = new Map(
    Object.values(StatusCode).map((code) => [code, { ...labels, grpc_code: statusName(code) }]),
  );
  metrics.observed(
    {
      name: 'agentk_kubernetes_requests_waiting',
      help: 'Requests that wait for a connection to the API server.',
    },
    () => server.load().waiting,
  );
  return {
    services: [{ name: makeRequest.service, methods: [makeRequest.name] }],
    serve: (request, done) => {
      started.inc(labels);
      const { stream, method, descriptor } = request;
      const options = { stream, method, target: server.target, agentName, clock, descriptor };
      serveTunnelExchange(options, ({ kind, reusable, status, statusCode, bytesUp, bytesDown }) => {
        handled.inc(ended.get(status.code));
        if (kind === 'failed') log.warn('Request from kas failed', { reason: status.message });
        else log.debug('Request from kas ended', { kind, status_code: statusCode, bytesUp, bytesDown });
        done({ offered: reusable, status });
      });
    },
    module: {
      name: 'kubernetes_api',
      check: () => undefined,
      wanted: () => true,
      start: async () => ({ configure: () => {}, stop: async () => {} }),
    },
  };
}
