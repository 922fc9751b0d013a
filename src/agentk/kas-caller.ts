/**
 * What every call to kas carries (`spec/agentk.md §1.4`): the token, the extra headers, the user agent, and the counters
 * of `spec/agentk.md §7`. Made once; nothing in it is ever logged.
 */
import type { CallObserver, CallOptions, MessageCounts } from '../pipe/grpc/index.ts';
import type { Clock, Log, Metrics } from '../ports/index.ts';
import { methods, statusName } from '../protocol/index.ts';
import type { Metadata, Method } from '../protocol/index.ts';

export interface KasCaller {
  readonly metadata: Metadata;
  readonly options: CallOptions;
}

export interface KasCallerOptions {
  readonly token: string;
  readonly headers: Metadata;
  readonly authority: string;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export function createKasCaller(options: KasCallerOptions): KasCaller {
  const { token, headers, authority, userAgent, clock, log, metrics } = options;
  return {
    metadata: new Map([...headers, ['authorization', [`Bearer ${token}`]]]),
    options: { clock, log, userAgent, authority, observer: countCalls(metrics) },
  };
}

const types = {
  unary: 'unary',
  server_streaming: 'server_stream',
  client_streaming: 'client_stream',
  bidi_streaming: 'bidi_stream',
} as const;

/** The methods agentk calls; the only ones counted. */
const called: readonly Method[] = [
  methods.getConfiguration,
  methods.register,
  methods.connect,
  methods.getObjectsToSynchronize,
  methods.reconcileProjects,
  methods.gitlabRequest,
  methods.report,
];

const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'] as const;

/**
 * The `grpc_client_*` counters. Messages are counted by plain numbers while a call runs; the counters catch up whenever a
 * call of the same method starts or ends.
 */
function countCalls(metrics: Metrics): CallObserver {
  const started = metrics.counter({
    name: 'grpc_client_started_total',
    help: 'Calls to kas that were started.',
    labelNames,
  });
  const handled = metrics.counter({
    name: 'grpc_client_handled_total',
    help: 'Calls to kas that ended, by their gRPC code.',
    labelNames: [...labelNames, 'grpc_code'],
  });
  const received = metrics.counter({
    name: 'grpc_client_msg_received_total',
    help: 'Messages from kas.',
    labelNames,
  });
  const sent = metrics.counter({ name: 'grpc_client_msg_sent_total', help: 'Messages to kas.', labelNames });
  const known = new Map(
    called.map((method) => {
      const labels = {
        grpc_type: types[method.kind],
        grpc_service: method.service,
        grpc_method: method.name,
      };
      const counts: MessageCounts = { received: 0, sent: 0 };
      return [method.path, { labels, counts, told: { ...counts } }] as const;
    }),
  );
  const catchUp = ({ labels, counts, told }: NonNullable<ReturnType<typeof known.get>>) => {
    if (counts.received > told.received) received.inc(labels, counts.received - told.received);
    if (counts.sent > told.sent) sent.inc(labels, counts.sent - told.sent);
    Object.assign(told, counts);
  };
  return {
    onCallStarted(path) {
      const entry = known.get(path);
      if (entry === undefined) return undefined;
      started.inc(entry.labels);
      catchUp(entry);
      return entry.counts;
    },
    onCallEnded(path, code) {
      const entry = known.get(path);
      if (entry === undefined) return;
      handled.inc({ ...entry.labels, grpc_code: statusName(code) });
      catchUp(entry);
    },
  };
}
