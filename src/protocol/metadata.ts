/**
 * gRPC metadata: how it looks in HTTP/2 headers, in the meta maps of tunnel messages, and what may travel on.
 * Source: spec/wire.md §5.1 and §6.2.
 *
 * 1. Keys are lower case. Values keep their order.
 * 2. Values of `-bin` keys are kept as they travel in HTTP/2 (base64); the meta maps carry the decoded bytes, and since
 *    those fields are text, bytes that are not UTF-8 cannot pass and the value is left out.
 * 3. What gRPC itself owns (`:pseudo`, content-type, grpc-status, ...) never enters or leaves as metadata of a tunnel.
 * 4. Whatever comes from a peer, `metadataToHeaders` gives headers node:http2 accepts: keys, values and connection
 *    headers it would throw on are dropped.
 */
import { create } from '@bufbuild/protobuf';
import { ValuesSchema } from './gen/gitlab/agent/prototool/prototool_pb.ts';
import type { Values } from './gen/gitlab/agent/prototool/prototool_pb.ts';

/** Metadata keys (lower case) with their values in order. */
export type Metadata = ReadonlyMap<string, readonly string[]>;

/** A meta map of a tunnel message. */
export type MetadataMap = Readonly<Record<string, Values>>;

/** Headers as node:http2 takes them. */
export type HeaderRecord = Record<string, string | string[]>;

/** Metadata without anything. */
export const noMetadata: Metadata = new Map<string, readonly string[]>();

/** The metadata of a routed request that names its agent; every key with the prefix stays between kas instances. */
export const routingAgentIdKey = 'kas-hop-routing-agent-id';
const hopPrefix = 'kas-hop-';

const reserved: ReadonlySet<string> = new Set([
  'content-type',
  'user-agent',
  'te',
  'grpc-message-type',
  'grpc-encoding',
  'grpc-message',
  'grpc-status',
  'grpc-timeout',
  'grpc-status-details-bin',
]);

/** Belong to the connection or to the framing of one hop: node:http2 refuses or misunderstands them. */
const connectionBound: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** True for keys gRPC keeps for itself (invariant 3). */
export function isReservedKey(key: string): boolean {
  return key.startsWith(':') || reserved.has(key);
}

/**
 * Metadata from HTTP/2 headers: either the flat list node:http2 gives as raw headers (keeps repeated keys apart), or
 * its header object. Pseudo headers are left out; everything else stays, also what gRPC reserves.
 */
export function metadataFromHeaders(
  headers: readonly string[] | Readonly<Record<string, string | readonly string[] | undefined>>,
): Metadata {
  const metadata = new Map<string, string[]>();
  const add = (name: string, value: string) => {
    const key = name.toLowerCase();
    if (key === '' || key.startsWith(':')) return;
    const values = key.endsWith('-bin') ? value.split(',').map((part) => part.trim()) : [value];
    const known = metadata.get(key);
    if (known === undefined) metadata.set(key, values);
    else known.push(...values);
  };
  if (Array.isArray(headers)) {
    for (let i = 0; i + 1 < headers.length; i += 2) add(String(headers[i]), String(headers[i + 1]));
    return metadata;
  }
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') add(name, value);
    else if (value !== undefined) for (const one of value) add(name, one);
  }
  return metadata;
}

/** Metadata as headers for node:http2, without what gRPC reserves and without what it would refuse (invariants 3, 4). */
export function metadataToHeaders(metadata: Metadata): HeaderRecord {
  const headers = emptyRecord<string | string[]>();
  for (const [key, values] of metadata) {
    if (isReservedKey(key) || connectionBound.has(key) || !validKey(key)) continue;
    const sendable = values.filter(validValue);
    const [first] = sendable;
    if (first === undefined) continue;
    headers[key] = sendable.length === 1 || singleValued(key) ? first : sendable;
  }
  return headers;
}

/** Metadata as the meta map of a tunnel message (invariant 2). */
export function metadataToMap(metadata: Metadata): Record<string, Values> {
  const map = emptyRecord<Values>();
  for (const [key, values] of metadata) {
    const value = key.endsWith('-bin')
      ? values.flatMap(textOfBinary)
      : values.filter((one) => one.isWellFormed());
    if (value.length > 0 || values.length === 0) map[key] = create(ValuesSchema, { value: [...value] });
  }
  return map;
}

/** Metadata from the meta map of a tunnel message. Keys become lower case; equal keys are joined. */
export function metadataFromMap(map: MetadataMap): Metadata {
  const metadata = new Map<string, string[]>();
  for (const [name, { value }] of Object.entries(map)) {
    const key = name.toLowerCase();
    const values = key.endsWith('-bin') ? value.map(binaryOfText) : value;
    const known = metadata.get(key);
    if (known === undefined) metadata.set(key, [...values]);
    else known.push(...values);
  }
  return metadata;
}

/**
 * What may travel on through a tunnel, in either direction: not what gRPC reserves, not the keys between kas
 * instances, and not `authorization`, whose holder could speak to every kas (spec/wire.md §16).
 */
export function forwardableMetadata(metadata: Metadata): Metadata {
  const kept = new Map<string, readonly string[]>();
  for (const [key, values] of metadata) {
    if (isReservedKey(key) || key.startsWith(hopPrefix) || key === 'authorization') continue;
    kept.set(key, values);
  }
  return kept;
}

/** Builds metadata from pairs; a repeated key collects its values. */
export function metadataOf(pairs: Iterable<readonly [string, string]>): Metadata {
  const metadata = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const key = name.toLowerCase();
    const known = metadata.get(key);
    if (known === undefined) metadata.set(key, [value]);
    else known.push(value);
  }
  return metadata;
}

/** The first value of a key. */
export function firstValue(metadata: Metadata, key: string): string | undefined {
  return metadata.get(key)?.[0];
}

const keyPattern = /^[0-9a-z_.-]+$/;
const valuePattern = /^[\x20-\x7e]*$/;

function validKey(key: string): boolean {
  return keyPattern.test(key);
}

function validValue(value: string): boolean {
  return valuePattern.test(value);
}

/** Headers node:http2 refuses to send twice. */
const onlyOnce: ReadonlySet<string> = new Set(
  (
    'access-control-allow-credentials access-control-max-age access-control-request-method age authorization ' +
    'content-encoding content-language content-length content-location content-md5 content-range date dnt etag ' +
    'expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location ' +
    'max-forwards proxy-authorization range referer retry-after tk upgrade-insecure-requests x-content-type-options'
  ).split(' '),
);

/** A record without a prototype, so that a peer's key `__proto__` is a key like any other. */
function emptyRecord<V>(): Record<string, V> {
  return Object.create(null) as Record<string, V>;
}

function singleValued(key: string): boolean {
  return onlyOnce.has(key);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOfBinary(base64: string): string[] {
  try {
    return [utf8.decode(Buffer.from(base64, 'base64'))];
  } catch {
    return [];
  }
}

function binaryOfText(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64').replace(/=+$/, '');
}
