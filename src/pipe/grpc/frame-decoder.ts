/**
 * Reading gRPC frames from DATA chunks, wherever the chunks happen to be cut.
 *
 * 1. A message inside one chunk is delivered as a view of it. A message over several chunks is copied once into a
 *    buffer that grows with what arrived, so an announced length costs a peer's bytes, not ours.
 * 2. A message above the limit is refused at its header, an inflated one at the limit (spec/wire.md §4.4).
 * 3. With a body-offset hook the body of an uncompressed message that has not arrived whole is delivered in parts;
 *    the hook is asked once per message.
 * 4. While paused nothing is delivered; the rest of the chunk is kept (one chunk at most) and resume() goes on with it.
 * 5. Nothing is allocated per message but the view.
 */
import { status, StatusCode } from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';
import { framePrefixBytes } from './frame.ts';
import { inflate } from './inflate.ts';
import { assemblyBytesMin, bodyOffsetHeadBytes, defaultGrpcLimits } from './limits.ts';
import type { BodyOffset } from './message-stream.ts';

/** Where a decoder puts what it read. */
export interface FrameSink {
  deliver(payload: Buffer): void;
  deliverPart(chunk: Buffer): void;
}

export class FrameDecoder {
  /** The peer's `grpc-encoding`; set when its headers are known. */
  encoding = 'identity';
  bodyOffset: BodyOffset | undefined;
  readonly #sink: FrameSink;
  readonly #messageBytesMax: number;
  #paused = false;
  #stopped = false;
  /** What pause() left of a chunk. */
  #rest: Buffer | undefined;
  #prefixHave = 0;
  #flag = 0;
  #length = 0;
  /** The message being assembled, valid up to `#have`. */
  #partial: Buffer | undefined;
  #have = 0;
  #offsetAsked = false;
  /** Body bytes still to come of a message delivered in parts. */
  #bodyLeft = 0;

  constructor(sink: FrameSink, messageBytesMax: number = defaultGrpcLimits.messageBytesMax) {
    this.#sink = sink;
    this.#messageBytesMax = messageBytesMax;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** True while a chunk waits for resume(). */
  get holding(): boolean {
    return this.#rest !== undefined;
  }

  /** Takes the next chunk. An answer is a violation: the stream must be ended with it, and nothing more is delivered. */
  push(chunk: Buffer): RpcStatus | undefined {
    if (this.#rest === undefined) return this.#read(chunk);
    this.#rest = Buffer.concat([this.#rest, chunk]);
    return undefined;
  }

  pause(): void {
    this.#paused = true;
  }

  /** Goes on with what pause() kept; answers as push() does. */
  resume(): RpcStatus | undefined {
    this.#paused = false;
    const rest = this.#rest;
    if (rest === undefined) return undefined;
    this.#rest = undefined;
    return this.#read(rest);
  }

  /** Drops everything, now and from now on. */
  stop(): void {
    this.#stopped = true;
    this.#rest = undefined;
    this.#partial = undefined;
  }

  /** The peer sent its last byte: a violation when that was in the middle of a message. */
  end(): RpcStatus | undefined {
    if (this.#prefixHave === 0 && this.#bodyLeft === 0) return undefined;
    return status(StatusCode.Internal, 'unexpected EOF');
  }

  #read(chunk: Buffer): RpcStatus | undefined {
    let at = 0;
    while (at < chunk.length) {
      if (this.#stopped) return undefined;
      if (this.#paused) {
        this.#rest = at === 0 ? chunk : chunk.subarray(at); // invariant 4
        return undefined;
      }
      if (this.#bodyLeft > 0) {
        const end = Math.min(chunk.length, at + this.#bodyLeft);
        this.#bodyLeft -= end - at;
        this.#sink.deliverPart(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
        at = end;
        continue;
      }
      if (this.#prefixHave < framePrefixBytes) {
        at = this.#readPrefix(chunk, at);
        if (this.#prefixHave < framePrefixBytes) return undefined;
        const refused = this.#checkPrefix();
        if (refused !== undefined) return this.#refuse(refused);
      }
      if (this.#partial === undefined && chunk.length - at >= this.#length) {
        const end = at + this.#length;
        const refused = this.#complete(chunk.subarray(at, end)); // invariant 1
        if (refused !== undefined) return this.#refuse(refused);
        at = end;
        continue;
      }
      at = this.#assemble(chunk, at);
      if (this.#partial !== undefined && this.#have === this.#length) {
        const refused = this.#complete(this.#partial.subarray(0, this.#length));
        if (refused !== undefined) return this.#refuse(refused);
      }
    }
    return undefined;
  }

  #readPrefix(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#prefixHave === 0) {
      this.#flag = chunk[at] ?? 0;
      this.#length = 0;
      this.#prefixHave = 1;
      at += 1;
    }
    while (this.#prefixHave < framePrefixBytes && at < chunk.length) {
      this.#length = this.#length * 256 + (chunk[at] ?? 0);
      this.#prefixHave += 1;
      at += 1;
    }
    return at;
  }

  #checkPrefix(): RpcStatus | undefined {
    if (this.#flag > 1) {
      return status(StatusCode.Internal, `grpc: received unexpected payload format ${this.#flag}`);
    }
    if (this.#flag === 1 && this.encoding !== 'gzip') {
      if (this.encoding === 'identity' || this.encoding === '') {
        return status(StatusCode.Internal, 'grpc: compressed flag set with identity or empty encoding');
      }
      return unknownEncoding(this.encoding);
    }
    if (this.#length > this.#messageBytesMax) {
      const text = `grpc: received message larger than max (${this.#length} vs. ${this.#messageBytesMax})`;
      return status(StatusCode.ResourceExhausted, text); // invariant 2
    }
    return undefined;
  }

  #complete(payload: Buffer): RpcStatus | undefined {
    this.#partial = undefined;
    this.#prefixHave = 0;
    this.#offsetAsked = false;
    if (this.#flag === 0) {
      this.#sink.deliver(payload);
      return undefined;
    }
    const inflated = inflate(payload, this.#messageBytesMax);
    if (inflated.kind === 'refused') return inflated.status;
    this.#sink.deliver(inflated.payload);
    return undefined;
  }

  /** Takes the rest of the chunk, as far as it belongs to the message; answers where it stopped. */
  #assemble(chunk: Buffer, from: number): number {
    if (this.#partial === undefined) {
      if (chunk.length - from >= bodyOffsetHeadBytes) {
        const offset = this.#askOffset(chunk.subarray(from));
        if (offset >= 0) return from + offset;
      }
      this.#have = 0;
      const room = Math.max(assemblyBytesMin, (chunk.length - from) * 2);
      this.#partial = Buffer.allocUnsafeSlow(Math.min(this.#length, room));
    }
    const end = Math.min(chunk.length, from + this.#length - this.#have);
    const target = this.#grow(this.#partial, this.#have + end - from);
    chunk.copy(target, this.#have, from, end);
    this.#have += end - from;
    if (!this.#offsetAsked && this.#have >= bodyOffsetHeadBytes && this.#have < this.#length) {
      const offset = this.#askOffset(target.subarray(0, this.#have));
      if (offset >= 0) {
        this.#bodyLeft -= this.#have - offset;
        if (this.#have > offset) this.#sink.deliverPart(target.subarray(offset, this.#have));
      }
    }
    return end;
  }

  /** Asks the hook once (invariant 3). An offset inside the head switches the message to delivery in parts. */
  #askOffset(head: Buffer): number {
    if (this.#offsetAsked) return -1;
    this.#offsetAsked = true;
    if (this.bodyOffset === undefined || this.#flag !== 0) return -1;
    const offset = this.bodyOffset(head, this.#length);
    if (offset < 0 || offset > head.length) return -1;
    this.#partial = undefined;
    this.#prefixHave = 0;
    this.#offsetAsked = false;
    this.#bodyLeft = this.#length - offset;
    return offset;
  }

  #grow(partial: Buffer, needed: number): Buffer {
    if (needed <= partial.length) return partial;
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(needed, partial.length * 2)));
    partial.copy(larger, 0, 0, this.#have);
    this.#partial = larger;
    return larger;
  }

  #refuse(refused: RpcStatus): RpcStatus {
    this.stop();
    return refused;
  }
}

/** What a peer gets for a `grpc-encoding` we do not know. */
export function unknownEncoding(encoding: string): RpcStatus {
  const shown = JSON.stringify(encoding.slice(0, 64));
  return status(StatusCode.Unimplemented, `grpc: Decompressor is not installed for grpc-encoding ${shown}`);
}
