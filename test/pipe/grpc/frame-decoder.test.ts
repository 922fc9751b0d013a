import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder, frame, frames } from '../../../src/pipe/grpc/index.ts';
import type { FrameSink } from '../../../src/pipe/grpc/index.ts';
import { StatusCode } from '../../../src/protocol/index.ts';

class Sink implements FrameSink {
  readonly messages: Buffer[] = [];
  readonly parts: Buffer[] = [];
  onEach: (() => void) | undefined;
  deliver(payload: Buffer): void {
    this.messages.push(payload);
    this.onEach?.();
  }
  deliverPart(chunk: Buffer): void {
    this.parts.push(chunk);
    this.onEach?.();
  }
}

function compressed(payload: Buffer): Buffer {
  const bytes = frame(gzipSync(payload));
  bytes[0] = 1;
  return bytes;
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}

describe('a frame decoder', () => {
  it('gives the same messages wherever the chunks are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 }),
        (payloads, sizes) => {
          const sink = new Sink();
          const decoder = new FrameDecoder(sink);
          const list = payloads.map((payload) => Buffer.from(payload));
          for (const chunk of cut(frames(list), sizes)) expect(decoder.push(chunk)).toBeUndefined();
          expect(sink.messages.map((m) => m.toString('hex'))).toEqual(list.map((m) => m.toString('hex')));
          expect(decoder.end()).toBeUndefined();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('does not copy a message that lies within one chunk', () => {
    const sink = new Sink();
    const chunk = frames([Buffer.from('one'), Buffer.from('two')]);
    new FrameDecoder(sink).push(chunk);
    expect(sink.messages.map(String)).toEqual(['one', 'two']);
    for (const message of sink.messages) expect(message.buffer).toBe(chunk.buffer);
  });

  it('streams the same body bytes whatever the cuts, whole messages and parts together', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 7000 }), { minLength: 1, maxLength: 5 }),
        (lengths, sizes) => {
          const headBytes = 7;
          const list = lengths.map((n, i) =>
            Buffer.concat([Buffer.alloc(headBytes, 0xff), Buffer.alloc(n, i)]),
          );
          let asked = 0;
          const body: Buffer[] = [];
          const decoder = new FrameDecoder({
            deliver: (payload) => body.push(Buffer.from(payload.subarray(headBytes))),
            deliverPart: (chunk) => body.push(Buffer.from(chunk)),
          });
          decoder.bodyOffset = (head, messageBytes) => {
            asked += 1;
            expect(head.length).toBeGreaterThanOrEqual(32);
            expect(list.map((m) => m.length)).toContain(messageBytes);
            return headBytes;
          };
          for (const chunk of cut(frames(list), sizes)) decoder.push(chunk);
          expect(Buffer.concat(body).equals(Buffer.concat(list.map((m) => m.subarray(headBytes))))).toBe(
            true,
          );
          expect(asked).toBeLessThanOrEqual(list.length);
          expect(decoder.end()).toBeUndefined();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('asks for the body offset once and keeps a message whole when the answer is no', () => {
    const sink = new Sink();
    const decoder = new FrameDecoder(sink);
    let asked = 0;
    decoder.bodyOffset = () => {
      asked += 1;
      return -1;
    };
    const payload = Buffer.alloc(10_000, 'x');
    for (const chunk of cut(frames([payload, payload]), [100])) decoder.push(chunk);
    expect(asked).toBe(2);
    expect(sink.parts).toEqual([]);
    expect(sink.messages.map((m) => m.length)).toEqual([10_000, 10_000]);
  });

  it('stops within a chunk while paused and goes on where it stopped', () => {
    const sink = new Sink();
    const decoder = new FrameDecoder(sink);
    sink.onEach = () => decoder.pause();
    decoder.push(frames([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]));
    expect(sink.messages.map(String)).toEqual(['a']);
    decoder.resume();
    expect(sink.messages.map(String)).toEqual(['a', 'b']);
    decoder.push(frame(Buffer.from('d')));
    for (let i = 0; i < 5; i += 1) decoder.resume();
    expect(sink.messages.map(String)).toEqual(['a', 'b', 'c', 'd']);
    expect(decoder.holding).toBe(false);
  });

  it('refuses a message above the limit at its header', () => {
    const decoder = new FrameDecoder(new Sink());
    const prefix = frame(Buffer.alloc(0));
    prefix.writeUInt32BE(4 * 1024 * 1024 + 1, 1);
    expect(decoder.push(prefix)).toEqual({
      code: StatusCode.ResourceExhausted,
      message: 'grpc: received message larger than max (4194305 vs. 4194304)',
    });
  });

  it('takes a message of exactly the limit', () => {
    const sink = new Sink();
    const decoder = new FrameDecoder(sink, 1000);
    for (const chunk of cut(frame(Buffer.alloc(1000)), [300])) expect(decoder.push(chunk)).toBeUndefined();
    expect(sink.messages).toHaveLength(1);
  });

  it('inflates gzip messages and refuses those that grow above the limit', () => {
    const sink = new Sink();
    const decoder = new FrameDecoder(sink, 5000);
    decoder.encoding = 'gzip';
    decoder.bodyOffset = () => {
      throw new Error('a compressed message is never delivered in parts');
    };
    for (const chunk of cut(compressed(Buffer.from('hello '.repeat(500))), [40])) decoder.push(chunk);
    decoder.push(compressed(Buffer.alloc(0)));
    decoder.push(frame(Buffer.from('plain among them')));
    expect(sink.messages.map(String)).toEqual(['hello '.repeat(500), '', 'plain among them']);
    expect(decoder.push(compressed(Buffer.alloc(5001)))).toEqual({
      code: StatusCode.ResourceExhausted,
      message: 'grpc: received message after decompression larger than max (5001 vs. 5000)',
    });
  });

  it.each([
    ['gzip', Buffer.from('not gzip'), StatusCode.Internal, /failed to decompress/],
    [
      'snappy',
      Buffer.from('x'),
      StatusCode.Unimplemented,
      /Decompressor is not installed for grpc-encoding "snappy"/,
    ],
    ['identity', Buffer.from('x'), StatusCode.Internal, /compressed flag set/],
  ])('refuses a compressed message it cannot read (%s)', (encoding, payload, code, text) => {
    const decoder = new FrameDecoder(new Sink());
    decoder.encoding = encoding;
    const bytes = frame(payload);
    bytes[0] = 1;
    const refused = decoder.push(bytes);
    expect(refused?.code).toBe(code);
    expect(refused?.message).toMatch(text);
  });

  it('refuses a flag byte that is neither 0 nor 1', () => {
    const bytes = frame(Buffer.from('x'));
    bytes[0] = 2;
    expect(new FrameDecoder(new Sink()).push(bytes)?.code).toBe(StatusCode.Internal);
  });

  it.each([1, 4, 5, 7])('calls an end after %d bytes of a message a violation', (bytes) => {
    const decoder = new FrameDecoder(new Sink());
    decoder.push(frame(Buffer.from('abc')).subarray(0, bytes));
    expect(decoder.end()).toEqual({ code: StatusCode.Internal, message: 'unexpected EOF' });
  });

  it('delivers nothing after stop, also when told in the middle of a chunk', () => {
    const sink = new Sink();
    const decoder = new FrameDecoder(sink);
    sink.onEach = () => decoder.stop();
    decoder.push(frames([Buffer.from('a'), Buffer.from('b')]));
    decoder.push(frame(Buffer.from('c')));
    expect(sink.messages.map(String)).toEqual(['a']);
  });
});
