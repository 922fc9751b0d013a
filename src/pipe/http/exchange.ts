/**
 * agentk's half of the data plane: executes one tunnelled request against the Kubernetes API, at the moment its
 * request_info arrived. The shapes are here, the work is in `tunnel-exchange.ts`. Source: spec/agentk.md §4.
 */
import type { Clock } from '../../ports/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';
import type { MessageStream } from '../grpc/index.ts';
import type { ApiTarget } from './api-target.ts';

export interface ExchangeOptions {
  readonly stream: MessageStream;
  /** From request_info: `/service/method`. */
  readonly method: string;
  readonly target: ApiTarget;
  /** `gitlab-agent/<version>/<commit>`, for Via. */
  readonly agentName: string;
  /** Asked when the response ended: the descriptor frame that offers the stream again, if kas agreed to reuse. */
  readonly descriptor?: (() => Buffer | undefined) | undefined;
  readonly clock: Clock;
}

/** How the exchange ended. Sizes are body bytes, after an upgrade raw bytes. */
export interface ExchangeOutcome {
  readonly kind:
    | 'served'
    /** The caller was told `status`. */
    | 'failed'
    /** The tunnel closed, or `cancel` was called. */
    | 'cancelled'
    /** Protocols were switched and the connection has ended. */
    | 'upgraded';
  /**
   * The descriptor was sent: the stream is idle again, and the caller sets its handler before it returns from `onDone`.
   * False: our side is half-closed (or the stream is gone); the caller waits for the stream's end with its own handler.
   */
  readonly reusable: boolean;
  readonly status: RpcStatus;
  /** Of the response, 0 before it. */
  readonly statusCode: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** A running exchange. */
export interface Exchange {
  /** Aborts the request and resets the stream; the outcome is still told. */
  cancel(reason: string): void;
}
