/**
 * One server-streaming call to Gitaly: its turn, its channel, its messages, its status.
 *
 * 1. Every message goes to the taker, who says when it has seen enough; then, and when the caller gives up, the call is
 *    cancelled, so that Gitaly stops working for nobody.
 * 2. A call ends with a status, whatever happens to it; the library's errors do not come out of here.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { ServiceError } from '@grpc/grpc-js';
import type { Clock, GitalyLocation, GitFailure, Metrics } from '../../ports/index.ts';
import {
  decode,
  encode,
  type Method,
  ok,
  type RpcStatus,
  statusCodeOf,
  statusFromTrailers,
  StatusCode,
  statusName,
} from '../../protocol/index.ts';
import type { CallLimiter } from './call-limiter.ts';
import type { GitalyChannels } from './channels.ts';
import { callMetadata } from './credentials.ts';

export interface CallsDeps {
  readonly channels: GitalyChannels;
  readonly globalLimiter: CallLimiter;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** How a call ended: `taken` when the taker had enough or everything came. */
export type CallEnd =
  | { readonly kind: 'taken' }
  | { readonly kind: 'status'; readonly status: RpcStatus }
  | GitFailure;

export class GitalyCalls {
  readonly #deps: CallsDeps;
  readonly #count: ReturnType<typeof clientMetrics>;

  constructor(deps: CallsDeps) {
    this.#deps = deps;
    this.#count = clientMetrics(deps.metrics);
  }

  /** Calls; `take` answers whether it wants more. What it throws comes out of here. */
  async run<Request extends DescMessage, Response extends DescMessage>(
    location: GitalyLocation,
    method: Method<Request, Response>,
    request: MessageShape<Request>,
    bounds: { readonly msMax: number; readonly signal: AbortSignal },
    take: (message: MessageShape<Response>) => boolean,
  ): Promise<CallEnd> {
    const turn = await this.#turn(location.address, bounds);
    if (turn !== undefined) return turn;
    const lease = await this.#deps.channels.lease(location.address);
    if (lease.kind !== 'lease') return lease;
    const { clock } = this.#deps;
    const metadata = callMetadata(location.token, location.features, Math.floor(clock.now() / 1_000));
    const count = this.#count(method);
    let end: RpcStatus = { code: StatusCode.Canceled, message: 'cancelled' };
    const call = lease.client.makeServerStreamRequest<MessageShape<Request>, MessageShape<Response>>(
      method.path,
      (message) => encode(method.request, message),
      (bytes) => decode(method.response, bytes),
      request,
      metadata,
    );
    const cancel = (): void => call.cancel();
    // Not by AbortSignal.any: the channel's signal lives long, and would keep a trace of every call (src/agentk/kubernetes/call-end.ts).
    const ends = [bounds.signal, lease.cut];
    for (const signal of ends) signal.addEventListener('abort', cancel, { once: true });
    if (ends.some(({ aborted }) => aborted)) cancel();
    // Errors after the last message asked for have no reader any more.
    call.on('error', () => {});
    count.sent();
    try {
      for await (const message of call as AsyncIterable<MessageShape<Response>>) {
        count.received();
        if (take(message)) continue;
        return { kind: 'taken' }; // 1
      }
      end = ok;
      return { kind: 'taken' };
    } catch (error) {
      if (!isServiceError(error)) throw error;
      end = statusOf(error);
      return { kind: 'status', status: end }; // 2
    } finally {
      cancel(); // 1
      for (const signal of ends) signal.removeEventListener('abort', cancel);
      lease.release();
      count.ended(end.code);
    }
  }

  /** Waits for the turn of the call, of all servers and of this one (`spec/gitlab.md §3.1`). */
  async #turn(
    address: string,
    { msMax, signal }: { readonly msMax: number; readonly signal: AbortSignal },
  ): Promise<GitFailure | undefined> {
    const server = this.#deps.channels.limiter(address);
    if (server.kind !== 'limiter') return server;
    for (const limiter of [this.#deps.globalLimiter, server.limiter]) {
      if (!(await limiter.turn(msMax, signal))) {
        return { kind: 'unavailable', reason: 'rate of calls to Gitaly is exceeded' };
      }
    }
    return undefined;
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}

function statusOf({ code, details, metadata }: ServiceError): RpcStatus {
  const [bytes] = metadata?.get('grpc-status-details-bin') ?? [];
  const withDetails = statusFromTrailers({
    'grpc-status': String(code),
    'grpc-status-details-bin': Buffer.isBuffer(bytes) ? bytes.toString('base64') : undefined,
  });
  const status = { code: statusCodeOf(code), message: details };
  return withDetails?.details === undefined ? status : { ...status, details: withDetails.details };
}

/** The originals' counters of calls as a client (`spec/kas.md §7.4`). */
function clientMetrics(metrics: Metrics) {
  const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'];
  const counter = (name: string, help: string, more: readonly string[] = []) =>
    metrics.counter({ name, help, labelNames: [...labelNames, ...more] });
  const started = counter('grpc_client_started_total', 'RPCs started by the client');
  const sent = counter('grpc_client_msg_sent_total', 'Messages sent by the client');
  const received = counter('grpc_client_msg_received_total', 'Messages received by the client');
  const handled = counter('grpc_client_handled_total', 'RPCs completed by the client, by status code', [
    'grpc_code',
  ]);
  return ({ service, name, kind }: Method) => {
    const labels = {
      grpc_type: kind.replace('streaming', 'stream'),
      grpc_service: service,
      grpc_method: name,
    };
    started.inc(labels);
    return {
      sent: () => sent.inc(labels),
      received: () => received.inc(labels),
      ended: (code: number) => handled.inc({ ...labels, grpc_code: statusName(code) }),
    };
  };
}
