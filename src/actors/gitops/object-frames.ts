/**
 * Files as Object messages (`spec/wire.md §2.14`), at most 128 KiB of data each. The message around the data is written once and the
 * data stays where it is, so that many agents on one commit send the same buffers.
 */
import { create } from '@bufbuild/protobuf';
import { frame } from '../../pipe/grpc/index.ts';
import { encode, ObjectsToSynchronizeResponseSchema } from '../../protocol/index.ts';
import { gitopsLimits } from './limits.ts';

/** What one file needs to be sent: pieces to be written one after the other. */
export function fileFrames(source: string, bytes: Buffer): readonly Buffer[] {
  const pieces: Buffer[] = [];
  const name = Buffer.from(source);
  let from = 0;
  do {
    const data = bytes.subarray(from, from + gitopsLimits.chunkBytesMax);
    pieces.push(envelope(name, data.length));
    if (data.length > 0) pieces.push(data);
    from += data.length;
  } while (from < bytes.length);
  return pieces;
}

/** The header of one stream. */
export function headerFrame(commitId: string, projectId: bigint): Buffer {
  return message({ case: 'header', value: { commitId, projectId } });
}

/** The trailer of every stream. */
export function trailerFrame(): Buffer {
  return message({ case: 'trailer', value: {} });
}

function message(
  value:
    | { readonly case: 'header'; readonly value: { readonly commitId: string; readonly projectId: bigint } }
    | { readonly case: 'trailer'; readonly value: object },
): Buffer {
  const schema = ObjectsToSynchronizeResponseSchema;
  return frame(encode(schema, create(schema, { message: value })));
}

const lengthDelimited = 2;
const objectField = (2 << 3) | lengthDelimited;
const sourceField = (1 << 3) | lengthDelimited;
const dataField = (2 << 3) | lengthDelimited;

/** Frame and message up to the data, which has to follow. */
function envelope(source: Buffer, dataBytes: number): Buffer {
  const inner = [
    sourceField,
    ...varint(source.length),
    ...source,
    ...(dataBytes > 0 ? [dataField, ...varint(dataBytes)] : []),
  ];
  const outer = [objectField, ...varint(inner.length + dataBytes), ...inner];
  // Kept as long as the commit: memory of its own, not a part of a shared block.
  const head = Buffer.allocUnsafeSlow(5 + outer.length);
  head[0] = 0;
  head.writeUInt32BE(outer.length + dataBytes, 1);
  head.set(outer, 5);
  return head;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}
