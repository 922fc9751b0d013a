/**
 * Statuses as they travel: in trailers (grpc-status, grpc-message, grpc-status-details-bin) and as google.rpc.Status in
 * error members. Source: the gRPC over HTTP/2 protocol; spec/wire.md §6.2 (details pass unchanged).
 *
 * 1. grpc-message is UTF-8 with every byte outside space..tilde and `%` itself written as %XX. Broken escapes of a peer
 *    are kept as they are.
 * 2. Details travel as an encoded google.rpc.Status in base64 without padding; padding of a peer is tolerated, rubbish
 *    is ignored.
 * 3. What we send stays within `protocolLimits`, so that no peer refuses the header block.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { StatusSchema } from './gen/google/rpc/status_pb.ts';
import type { Status as StatusMessage } from './gen/google/rpc/status_pb.ts';
import { protocolLimits } from './limits.ts';
import { ok, status, StatusCode, statusCodeOf } from './status.ts';
import type { AnyBytes, RpcStatus } from './status.ts';

/** Trailers or a trailers-only header block as node:http2 gives it. */
export type TrailerRecord = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The trailers that carry a status. An empty message is left out. */
export function statusToTrailers(outcome: RpcStatus): Record<string, string> {
  const trailers: Record<string, string> = { 'grpc-status': String(outcome.code) };
  if (outcome.message !== '') trailers['grpc-message'] = percentEncodeMessage(outcome.message);
  if (outcome.details !== undefined && outcome.details.length > 0) {
    const bytes = toBinary(StatusSchema, statusToMessage(outcome));
    if (bytes.length <= protocolLimits.statusDetailsBytesMax) {
      trailers['grpc-status-details-bin'] = Buffer.from(bytes).toString('base64').replace(/=+$/, '');
    }
  }
  return trailers;
}

/**
 * The status in trailers. Undefined when there is no grpc-status (the caller knows why: see `statusFromHttp`); UNKNOWN
 * when it is not a number.
 */
export function statusFromTrailers(trailers: TrailerRecord): RpcStatus | undefined {
  const rawCode = single(trailers['grpc-status']);
  if (rawCode === undefined) return undefined;
  const rawMessage = single(trailers['grpc-message']) ?? '';
  if (!/^\d{1,10}$/.test(rawCode)) return status(StatusCode.Unknown, 'malformed grpc-status');
  const code = statusCodeOf(Number(rawCode));
  const message = percentDecodeMessage(rawMessage);
  const details = detailsOf(single(trailers['grpc-status-details-bin']), Number(rawCode));
  if (code === StatusCode.OK && message === '' && details === undefined) return ok;
  return details === undefined ? { code, message } : { code, message, details };
}

/** The status of an HTTP answer that is not gRPC at all, as gRPC maps HTTP codes. */
export function statusFromHttp(httpCode: number): RpcStatus {
  const code = httpCodes.get(httpCode) ?? StatusCode.Unknown;
  return status(code, `unexpected HTTP status code received from server: ${httpCode}`);
}

const httpCodes: ReadonlyMap<number, StatusCode> = new Map<number, StatusCode>([
  [400, StatusCode.Internal],
  [401, StatusCode.Unauthenticated],
  [403, StatusCode.PermissionDenied],
  [404, StatusCode.Unimplemented],
  [429, StatusCode.Unavailable],
  [502, StatusCode.Unavailable],
  [503, StatusCode.Unavailable],
  [504, StatusCode.Unavailable],
]);

/** A status as the google.rpc.Status of an error member. */
export function statusToMessage(outcome: RpcStatus): StatusMessage {
  const details = (outcome.details ?? []).map(({ typeUrl, value }) => create(AnySchema, { typeUrl, value }));
  return create(StatusSchema, { code: outcome.code, message: outcome.message.toWellFormed(), details });
}

/** The status in an error member. */
export function statusFromMessage(message: StatusMessage): RpcStatus {
  const code = statusCodeOf(message.code);
  if (message.details.length === 0) return { code, message: message.message };
  return { code, message: message.message, details: message.details.map(ownDetail) };
}

/** grpc-message as it travels, cut to what peers take (invariants 1, 3). */
export function percentEncodeMessage(message: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(message)) return message.slice(0, protocolLimits.statusMessageBytesMax);
  let encoded = '';
  for (const character of message.toWellFormed()) {
    const piece = /^[\x20-\x24\x26-\x7e]$/.test(character) ? character : percentEncodeBytes(character);
    if (encoded.length + piece.length > protocolLimits.statusMessageBytesMax) break;
    encoded += piece;
  }
  return encoded;
}

function percentEncodeBytes(character: string): string {
  let encoded = '';
  for (const byte of Buffer.from(character, 'utf8')) {
    encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** grpc-message as it was meant (invariant 1). */
export function percentDecodeMessage(encoded: string): string {
  if (!encoded.includes('%')) return encoded;
  const bytes: number[] = [];
  const source = Buffer.from(encoded, 'utf8');
  for (let i = 0; i < source.length; i += 1) {
    const byte = source[i] ?? 0;
    const hex = byte === 0x25 ? source.toString('latin1', i + 1, i + 3) : '';
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else {
      bytes.push(byte);
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

function detailsOf(encoded: string | undefined, code: number): RpcStatus['details'] {
  if (encoded === undefined) return undefined;
  try {
    const message = fromBinary(StatusSchema, Buffer.from(encoded, 'base64'));
    if (message.code !== code || message.details.length === 0) return undefined;
    return message.details.map(ownDetail);
  } catch {
    return undefined;
  }
}

/** A copy: the decoded bytes are a view into what was received. */
function ownDetail({ typeUrl, value }: AnyBytes): AnyBytes {
  return { typeUrl, value: Uint8Array.from(value) };
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
