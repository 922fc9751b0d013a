/**
 * The client's half of an exchange: the cluster's answer on its way into a node:http response.
 *
 * 1. The head leaves at the end of the tick at the latest, together with what came in the same tick; data at once.
 * 2. A body must have the length it declares, or the client's connection would carry what belongs to nobody.
 * 3. What a hostile cluster sends as names and values is refused by node:http, and the refusal is an answer here.
 */
import type { ServerResponse } from 'node:http';
import { responseHead } from './response-head.ts';

/** What became of a chunk: `full` asks to wait for the drain, `tooLong` is more than was declared. */
export type ChunkTaken = 'taken' | 'full' | 'tooLong';

export class ClientResponse {
  /** 0 until the head was handed over. */
  statusCode = 0;
  /** Body bytes so far. */
  bytes = 0;
  readonly #response: ServerResponse;
  readonly #drained: () => void;
  #flushDue = false;
  /** Body bytes still to come by the declared length, -1 when none was declared. */
  #bytesLeft = -1;
  #watchesDrain = false;

  /** `drained` is called when a response that was `full` takes bytes again. */
  constructor(response: ServerResponse, drained: () => void) {
    this.#response = response;
    this.#drained = drained;
  }

  get started(): boolean {
    return this.statusCode !== 0;
  }

  /** Hands over the head; a text when it is unusable (invariant 3). `method` is the request's. */
  start(
    statusCode: number,
    headers: readonly string[],
    method: string,
    dropped: ReadonlySet<string>,
    via: string,
  ): string | undefined {
    const { pairs, contentLength } = responseHead(headers, this.#response, dropped, via);
    if (contentLength === undefined || statusCode < 200 || statusCode > 999) {
      return `invalid response header, HTTP status ${statusCode}`;
    }
    try {
      this.#response.writeHead(statusCode, pairs);
    } catch {
      return 'response header with invalid characters';
    }
    this.statusCode = statusCode;
    if (mayHaveBody(method, statusCode)) this.#bytesLeft = contentLength;
    this.#flushDue = true;
    process.nextTick(flush, this); // invariant 1
    return undefined;
  }

  write(chunk: Buffer): ChunkTaken {
    this.#flushDue = false;
    this.bytes += chunk.length;
    if (this.#bytesLeft >= 0) {
      this.#bytesLeft -= chunk.length;
      if (this.#bytesLeft < 0) return 'tooLong'; // invariant 2
    }
    if (this.#response.write(chunk)) return 'taken';
    if (!this.#watchesDrain) {
      this.#watchesDrain = true;
      this.#response.on('drain', this.#drained);
    }
    return 'full';
  }

  /** Ends the answer; false when the body is shorter than declared (invariant 2): nothing was done then. */
  end(): boolean {
    this.#flushDue = false;
    if (this.#bytesLeft > 0) return false;
    this.#response.end();
    return true;
  }

  /** Cuts the client's connection unless the answer is complete. */
  cut(): void {
    this.#flushDue = false;
    if (!this.#response.writableEnded) this.#response.destroy();
  }

  /** For `flush`. */
  flushHead(): void {
    if (!this.#flushDue) return;
    this.#flushDue = false;
    this.#response.flushHeaders();
  }
}

function flush(response: ClientResponse): void {
  response.flushHead();
}

/** RFC 9110 §6.4.1: these answers end with their header, whatever length it declares. */
function mayHaveBody(method: string, statusCode: number): boolean {
  return method !== 'HEAD' && statusCode !== 204 && statusCode !== 304;
}
