/** gRPC server metrics with the originals' names (`spec/kas.md §7.4`). */
import type { CallObserver, MessageCounts } from '../pipe/grpc/index.ts';
import type { Labels, Metrics } from '../ports/index.ts';
import { methods, StatusCode, statusName } from '../protocol/index.ts';

export function grpcServerMetrics(metrics: Metrics): CallObserver {
  const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'];
  const started = metrics.counter({
    name: 'grpc_server_started_total',
    help: 'RPCs started on the server',
    labelNames,
  });
  const handled = metrics.counter({
    name: 'grpc_server_handled_total',
    help: 'RPCs completed on the server, by status code',
    labelNames: [...labelNames, 'grpc_code'],
  });
  // Labels are made once: without reuse of tunnels every request is a call.
  const labels = new Map(
    Object.values(methods).map(({ path, service, name, kind }) => {
      const call = {
        grpc_type: kind.replace('streaming', 'stream'),
        grpc_service: service,
        grpc_method: name,
      };
      const ended = Object.values(StatusCode).map(
        (code) => [code, { ...call, grpc_code: statusName(code) }] as const,
      );
      return [path, { call, ended: new Map<number, Labels>(ended) }] as const;
    }),
  );
  const counts = new Map<string, MessageCounts>();
  const total = (pick: (count: MessageCounts) => number) => () => {
    let sum = 0;
    for (const count of counts.values()) sum += pick(count);
    return sum;
  };
  metrics.observed(
    { name: 'grpc_server_messages_received', help: 'Messages received by all RPCs so far' },
    total(({ received }) => received),
  );
  metrics.observed(
    { name: 'grpc_server_messages_sent', help: 'Messages sent by all RPCs so far' },
    total(({ sent }) => sent),
  );
  return {
    onCallStarted: (method) => {
      const known = labels.get(method);
      if (known === undefined) return undefined;
      started.inc(known.call);
      let count = counts.get(method);
      if (count === undefined) counts.set(method, (count = { received: 0, sent: 0 }));
      return count;
    },
    onCallEnded: (method, code) => {
      const known = labels.get(method)?.ended.get(code);
      if (known !== undefined) handled.inc(known);
    },
  };
}
