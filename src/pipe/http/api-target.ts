/** Where agentk sends tunnelled requests: the API server of its cluster, and as whom. */
import type { ConnectionOptions } from 'node:tls';
import type { Dispatcher } from 'undici';

/** An identity to act as (spec/agentk.md §4.3). */
export interface Impersonation {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** The API server. */
export interface ApiTarget {
  /** Scheme, host and port: `https://10.0.0.1:443`. */
  readonly origin: string;
  /** Path before every request path, without a slash at its end; empty as the original has it (spec/agentk.md §4.2). */
  readonly basePath: string;
  /** For plain requests; must speak HTTP/1.1 only: undici joins repeated headers on HTTP/2, which breaks groups. */
  readonly dispatcher: Dispatcher;
  /** TLS of upgrade connections; ignored for `http:`. */
  readonly tls?: ConnectionOptions;
  /** The current `Authorization` value, asked per request; undefined when the client certificate is the credential. */
  authorization(): string | undefined;
  /** agentk's own identity to act as, from its command line or kubeconfig. */
  readonly impersonation?: Impersonation;
}
