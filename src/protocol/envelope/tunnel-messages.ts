/** What the decoders answer: every message of a tunnel, the HTTP message inside included, as one tagged value. */
import type { AnyBytes, RpcStatus } from '../status.ts';
import type { FlatPairs } from './header-map.ts';
import type { ServiceDescriptor } from './up-encoder.ts';

/** One message from agentk; the names of the HTTP ones start with `response`. */
export type TunnelUp =
  | { readonly kind: 'descriptor'; readonly services: readonly ServiceDescriptor[] }
  | { readonly kind: 'header'; readonly metadata: FlatPairs }
  | {
      readonly kind: 'responseHeader';
      readonly statusCode: number;
      readonly status: string;
      readonly headers: FlatPairs;
    }
  | { readonly kind: 'responseData'; readonly data: Buffer }
  | { readonly kind: 'responseTrailer' }
  | { readonly kind: 'responseUpgradeData'; readonly data: Buffer }
  | { readonly kind: 'trailer'; readonly metadata: FlatPairs }
  | { readonly kind: 'error'; readonly status: RpcStatus }
  /** Not a valid message: the stream has to end with this status. */
  | { readonly kind: 'malformed'; readonly status: RpcStatus };

/** The head of an HTTP request as agentk receives it. */
export interface ReceivedRequestHeader {
  readonly kind: 'requestHeader';
  readonly method: string;
  /** Percent-decoded. */
  readonly urlPath: string;
  /** Decoded keys and values. */
  readonly query: FlatPairs;
  readonly headers: FlatPairs;
  /** -1 unknown, 0 no body, else declared; undefined from an old kas. Beyond 2^53 it is not exact. */
  readonly contentLength: number | undefined;
  readonly extra: AnyBytes | undefined;
}

/** One message from kas; the names of the HTTP ones start with `request`. */
export type TunnelDown =
  | { readonly kind: 'requestInfo'; readonly method: string; readonly metadata: FlatPairs }
  | ReceivedRequestHeader
  | { readonly kind: 'requestData'; readonly data: Buffer }
  | { readonly kind: 'requestTrailer' }
  | { readonly kind: 'requestUpgradeData'; readonly data: Buffer }
  | { readonly kind: 'closeSend' }
  /** Not a valid message: the stream has to end with this status. */
  | { readonly kind: 'malformed'; readonly status: RpcStatus };
