/**
 * The frames of body bytes, the only large ones: `message{data{HttpX{data{data}}}}`. The head is written without the
 * chunk, which travels behind it uncopied; and on the way in the head of a message that has not arrived whole tells
 * where its body bytes begin, so that they are handed on as they come.
 *
 * 1. Every nested length must reach exactly to the end of the message, else it is left to the whole-message decoder.
 */
import { putVarint, varintBytes } from './frame-writer.ts';
import { frameHeaderBytes } from './limits.ts';
import { connectRequestTags, connectResponseTags, fieldOne, httpTags } from './tags.ts';

/** Remembers its last answer: chunks of one body mostly have one size, and nobody writes into a prefix. */
class DataPrefix {
  readonly #outer: number;
  readonly #inner: number;
  #bytes = -1;
  #prefix: Buffer = Buffer.alloc(0);

  constructor(outer: number, inner: number) {
    this.#outer = outer;
    this.#inner = inner;
  }

  of(chunkBytes: number): Buffer {
    if (chunkBytes === this.#bytes) return this.#prefix;
    this.#bytes = chunkBytes;
    this.#prefix = dataPrefix(this.#outer, this.#inner, chunkBytes);
    return this.#prefix;
  }
}

function dataPrefix(outer: number, inner: number, chunkBytes: number): Buffer {
  const dataField = 1 + varintBytes(chunkBytes) + chunkBytes;
  const httpMessage = 1 + varintBytes(dataField) + dataField;
  const message = 1 + varintBytes(httpMessage) + httpMessage;
  const payload = 1 + varintBytes(message) + message;
  const prefix = Buffer.allocUnsafe(frameHeaderBytes + payload - chunkBytes);
  prefix[0] = 0;
  prefix.writeUInt32BE(payload, 1);
  let at = frameHeaderBytes;
  prefix[at++] = outer;
  at = putVarint(prefix, at, message);
  prefix[at++] = fieldOne;
  at = putVarint(prefix, at, httpMessage);
  prefix[at++] = inner;
  at = putVarint(prefix, at, dataField);
  prefix[at++] = fieldOne;
  putVarint(prefix, at, chunkBytes);
  return prefix;
}

const requestBody = new DataPrefix(connectResponseTags.message, httpTags.data);
const requestUpgrade = new DataPrefix(connectResponseTags.message, httpTags.upgradeData);
const responseBody = new DataPrefix(connectRequestTags.message, httpTags.data);
const responseUpgrade = new DataPrefix(connectRequestTags.message, httpTags.upgradeData);

/** Head of a frame that carries the next `bytes` bytes (1..2^28) of the request body; the chunk follows it. */
export function requestBodyPrefix(bytes: number): Buffer {
  return requestBody.of(bytes);
}

/** Head of a frame of `bytes` raw bytes from the client after an upgrade. */
export function requestUpgradePrefix(bytes: number): Buffer {
  return requestUpgrade.of(bytes);
}

/** Head of a frame that carries the next `bytes` bytes of the response body. */
export function responseBodyPrefix(bytes: number): Buffer {
  return responseBody.of(bytes);
}

/** Head of a frame of `bytes` raw bytes from the server after an upgrade. */
export function responseUpgradePrefix(bytes: number): Buffer {
  return responseUpgrade.of(bytes);
}

/**
 * Where plain body bytes begin in a ConnectRequest of which only the head has arrived; -1 when it is no body message.
 * `payloadBytes` is the size of the whole message from its frame header (invariant 1).
 */
export function upBodyOffset(head: Buffer, payloadBytes: number): number {
  return bodyOffset(head, payloadBytes, connectRequestTags.message);
}

/** The same for a ConnectResponse. */
export function downBodyOffset(head: Buffer, payloadBytes: number): number {
  return bodyOffset(head, payloadBytes, connectResponseTags.message);
}

function bodyOffset(head: Buffer, payloadBytes: number, outer: number): number {
  let at = 0;
  for (let depth = 0; depth < 4; depth++) {
    const tag = depth === 0 ? outer : depth === 2 ? httpTags.data : fieldOne;
    if (head[at++] !== tag) return -1;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = head[at++];
      if (byte === undefined || shift > 21) return -1;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (at + length !== payloadBytes) return -1;
  }
  return at;
}
