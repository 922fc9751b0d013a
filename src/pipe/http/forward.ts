/**
 * kas's half of the data plane: joins one node:http exchange and one claimed tunnel. The shapes are here, the work is
 * in `http-forward.ts`. Source: spec/wire.md §9.2, spec/kas.md §5.7–5.9.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../ports/index.ts';
import type { AnyBytes, RpcStatus } from '../../protocol/index.ts';
import type { PairSource } from '../../protocol/envelope/index.ts';
import type { MessageStream } from '../grpc/index.ts';

/** The request as it goes into the tunnel. */
export interface ForwardHead {
  readonly method: string;
  /** Percent-decoded, prefix removed, starts with `/`. */
  readonly urlPath: string;
  /** Decoded, without what kas keeps. */
  readonly query: PairSource;
  /** From `cleanRequestHeaders`: canonical names, values as node:http gives them. Via is added here. */
  readonly headers: readonly string[];
  /** -1 unknown, 0 no body, else declared. */
  readonly contentLength: number | bigint;
  /** The request asks for a protocol switch. */
  readonly upgrade: boolean;
  /** HeaderExtra, only when an impersonation exists. */
  readonly extra?: AnyBytes;
}

/** A tunnel that belongs to this exchange until the outcome is told. */
export interface ClaimedTunnel {
  readonly stream: MessageStream;
  /** Both ends agreed to use the stream again after a clean exchange. */
  readonly reuse: boolean;
}

/** What happens on the way, for the actor and its metrics; never more than once each. */
export type ForwardEvent = 'requestSent' | 'responseStarted' | 'upgraded';

export interface ForwardOptions {
  readonly request: IncomingMessage;
  /** For an upgrade event: from `upgradeResponse`. Headers set on it win over the cluster's. */
  readonly response: ServerResponse;
  /** What came with the 'upgrade' event; absent for ordinary requests, which then cannot switch protocols. */
  readonly upgrade?: { readonly socket: Duplex; readonly head: Buffer };
  readonly head: ForwardHead;
  /** Full path of the RPC, `/service/method`. */
  readonly methodPath: string;
  /** Request metadata for RequestInfo, already free of what must not travel. */
  readonly metadata: PairSource;
  readonly tunnel: ClaimedTunnel;
  /** `gitlab-kas/<version>/<commit>`, for Via. */
  readonly serverName: string;
  /** Response headers (lower case) kas does not take from the cluster: `proxyResponseHeadersRemoved`. */
  readonly droppedResponseHeaders: ReadonlySet<string>;
  /** The listener got 'checkContinue': answer 100 when the body is first read. */
  readonly expectContinue?: boolean;
  readonly clock: Clock;
  readonly onEvent?: (event: ForwardEvent) => void;
}

/** How the exchange ended. Sizes are body bytes, after an upgrade raw bytes. */
export interface ForwardOutcome {
  readonly kind:
    | 'served'
    /** Nothing was written to the client: the caller answers (502 with a Kubernetes Status). */
    | 'failedBeforeHeader'
    /** The client's connection was cut. */
    | 'failedAfterHeader'
    | 'clientGone'
    /** Protocols were switched and the connection has ended in an ordinary way. */
    | 'upgraded'
    /**
     * The agent was giving up the tunnel when the request came: nothing was executed and nothing of the request is used
     * up. The caller may forward it on another tunnel.
     */
    | 'untaken';
  /**
   * The stream belongs to the caller again and its next message must be a descriptor; the caller sets its handler before
   * it returns from `onDone`. The agent may half-close instead: then the caller ends the call with OK. False: the caller
   * ends the call with `tunnelStatus` if the stream is still open.
   */
  readonly reusable: boolean;
  readonly tunnelStatus: RpcStatus;
  /** Why it failed; OK when it did not. */
  readonly status: RpcStatus;
  /** What failed, in the words of spec/kas.md §5.9; empty when nothing did. */
  readonly what: string;
  /** Of the response, 0 before it. */
  readonly statusCode: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** A running exchange. */
export interface Forwarding {
  /** Ends it from our side: the tunnel stream is reset; the outcome is still told once. */
  cancel(status: RpcStatus): void;
}
