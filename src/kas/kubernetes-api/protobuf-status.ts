/**
 * A Kubernetes `Status` in the protobuf form of the Kubernetes API: the magic, then `runtime.Unknown` with the type and the
 * bytes of the object. Clients that ask only for protobuf (many controllers) can then read kas's errors too.
 */
import type { KubernetesStatus } from '../../protocol/index.ts';

const magic = Buffer.from('k8s\0', 'latin1');

export function encodeProtobufStatus(status: KubernetesStatus): Buffer {
  const object = Buffer.concat([
    bytes(1, Buffer.alloc(0)), // ListMeta
    text(2, status.status),
    text(3, status.message),
    text(4, status.reason ?? ''),
    Buffer.from([6 << 3, ...varint(status.code)]),
  ]);
  const typeMeta = Buffer.concat([text(1, status.apiVersion), text(2, status.kind)]);
  return Buffer.concat([magic, bytes(1, typeMeta), bytes(2, object), text(3, ''), text(4, '')]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value, 'utf8'));
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(value.length)]), value]);
}

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...out, rest];
}
