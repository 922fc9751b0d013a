/** The seam between an exchange on agentk's side and the way its request is made: pooled, or on a connection of its own. */
import type { RpcStatus } from '../../protocol/index.ts';

/** A request under way at the API server. */
export interface Backend {
  /** The next body bytes; nobody writes to the chunk any more. */
  body(chunk: Buffer): void;
  /** The body is complete. */
  bodyEnd(): void;
  /** Raw bytes from the client for a switched connection. */
  upgradeData(chunk: Buffer): void;
  /** The caller will send no more at all (close_send). */
  callerEnded(): void;
  /** The tunnel can take bytes again. */
  streamDrained(): void;
  /** What crossed a switched connection; undefined when nothing was switched. */
  rawBytes(): { readonly up: number; readonly down: number } | undefined;
  /** Aborts the request. The owner hears no more. */
  cancel(): void;
}

/** What a backend tells the exchange; after `responseEnded`, `switchEnded` or `failed` nothing more. */
export interface BackendOwner {
  /** `headers` as the server sent them, values decoded; `version` like `1.1`. */
  responseStarted(statusCode: number, reason: string, headers: readonly string[], version: string): void;
  /** False: wait for `streamDrained`. */
  responseData(chunk: Buffer): boolean;
  responseEnded(): void;
  /** Protocols were switched; raw bytes flow into the tunnel from now on. */
  switched(): void;
  /** The switched connection ended. */
  switchEnded(): void;
  failed(failure: RpcStatus): void;
}
