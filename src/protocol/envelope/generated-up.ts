/**
 * The careful way to decode what agentk sends: generated code, then validation (spec/wire.md §3.1: the tunnel message as
 * the agent server checks it, the HTTP message inside as the caller of the agent's API checks it).
 */
import { decodeFromPeer } from '../codec.ts';
import { HttpResponseSchema } from '../gen/gitlab/agent/grpctool/grpctool_pb.ts';
import type { Values } from '../gen/gitlab/agent/prototool/prototool_pb.ts';
import { ConnectRequestSchema } from '../gen/gitlab/agent/reverse_tunnel/rpc/rpc_pb.ts';
import { ok, status, statusCodeOf, StatusCode } from '../status.ts';
import type { RpcStatus } from '../status.ts';
import { validate } from '../validation.ts';
import type { TunnelUp } from './tunnel-messages.ts';

/** Decodes and validates one payload; whatever is wrong with it comes back as `malformed`. */
export function upFromGenerated(payload: Buffer): TunnelUp {
  const decoded = decodeFromPeer(ConnectRequestSchema, payload);
  if (decoded.kind === 'malformed') return decoded;
  const violation = validate(ConnectRequestSchema, decoded.message);
  if (violation !== undefined) return invalid(violation);
  const { msg } = decoded.message;
  switch (msg.case) {
    case 'descriptor':
      return {
        kind: 'descriptor',
        services: (msg.value.agentDescriptor?.services ?? []).map((service) => ({
          name: service.name,
          methods: service.methods.map((method) => method.name),
        })),
      };
    case 'header':
    case 'trailer':
      return { kind: msg.case, metadata: flatPairs(msg.value.meta) };
    case 'message':
      return responseFromGenerated(msg.value.data);
    case 'error':
      return { kind: 'error', status: statusFromMessage(msg.value.status) };
    case undefined:
      return invalid('invalid ConnectRequest.Msg: value is required');
  }
}

function responseFromGenerated(bytes: Uint8Array): TunnelUp {
  const decoded = decodeFromPeer(HttpResponseSchema, bytes);
  if (decoded.kind === 'malformed') return decoded;
  const violation = validate(HttpResponseSchema, decoded.message);
  if (violation !== undefined) return invalid(`invalid server response: ${violation}`);
  const { message } = decoded.message;
  switch (message.case) {
    case 'header': {
      const { response } = message.value;
      return {
        kind: 'responseHeader',
        statusCode: response?.statusCode ?? 0,
        status: response?.status ?? '',
        headers: flatPairs(response?.header ?? {}),
      };
    }
    case 'data':
      return { kind: 'responseData', data: asBuffer(message.value.data) };
    case 'trailer':
      return { kind: 'responseTrailer' };
    case 'upgradeData':
      return { kind: 'responseUpgradeData', data: asBuffer(message.value.data) };
    case undefined:
      return invalid('invalid server response: invalid HttpResponse.Message: value is required');
  }
}

function statusFromMessage(
  message:
    | {
        readonly code: number;
        readonly message: string;
        readonly details: readonly { readonly typeUrl: string; readonly value: Uint8Array }[];
      }
    | undefined,
): RpcStatus {
  if (message === undefined) return ok;
  const base = status(statusCodeOf(message.code), message.message);
  if (message.details.length === 0) return base;
  return {
    ...base,
    details: message.details.map(({ typeUrl, value }) => ({ typeUrl, value: asBuffer(value) })),
  };
}

function invalid(violations: string): TunnelUp {
  return { kind: 'malformed', status: status(StatusCode.InvalidArgument, violations) };
}

/** A map of lists as flat pairs. A name without values has no pair. */
export function flatPairs(map: Readonly<Record<string, Values>>): string[] {
  const pairs: string[] = [];
  for (const [name, values] of Object.entries(map)) {
    for (const value of values.value) pairs.push(name, value);
  }
  return pairs;
}

/** The same bytes as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
