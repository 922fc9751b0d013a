/**
 * The careful way to decode what kas sends: generated code, then validation (spec/wire.md §3.1: the tunnel message as
 * agentk checks its server's answers, the HTTP message inside as agentk's internal server checks its requests).
 */
import { decodeFromPeer } from '../codec.ts';
import { HttpRequestSchema } from '../gen/gitlab/agent/grpctool/grpctool_pb.ts';
import type { HttpRequest_Header } from '../gen/gitlab/agent/grpctool/grpctool_pb.ts';
import { ConnectResponseSchema } from '../gen/gitlab/agent/reverse_tunnel/rpc/rpc_pb.ts';
import { status, StatusCode } from '../status.ts';
import { validate } from '../validation.ts';
import type { TunnelDown } from './tunnel-messages.ts';
import { asBuffer, flatPairs } from './generated-up.ts';

/** Decodes and validates one payload; whatever is wrong with it comes back as `malformed`. */
export function downFromGenerated(payload: Buffer): TunnelDown {
  const decoded = decodeFromPeer(ConnectResponseSchema, payload);
  if (decoded.kind === 'malformed') return decoded;
  const violation = validate(ConnectResponseSchema, decoded.message);
  if (violation !== undefined) return invalid(`invalid server response: ${violation}`);
  const { msg } = decoded.message;
  switch (msg.case) {
    case 'requestInfo':
      return { kind: 'requestInfo', method: msg.value.methodName, metadata: flatPairs(msg.value.meta) };
    case 'message':
      return requestFromGenerated(msg.value.data);
    case 'closeSend':
      return { kind: 'closeSend' };
    case undefined:
      return invalid('invalid server response: invalid ConnectResponse.Msg: value is required');
  }
}

function requestFromGenerated(bytes: Uint8Array): TunnelDown {
  const decoded = decodeFromPeer(HttpRequestSchema, bytes);
  if (decoded.kind === 'malformed') return decoded;
  const violation = validate(HttpRequestSchema, decoded.message);
  if (violation !== undefined) return invalid(violation);
  const { message } = decoded.message;
  switch (message.case) {
    case 'header':
      return headerFromGenerated(message.value);
    case 'data':
      return { kind: 'requestData', data: asBuffer(message.value.data) };
    case 'trailer':
      return { kind: 'requestTrailer' };
    case 'upgradeData':
      return { kind: 'requestUpgradeData', data: asBuffer(message.value.data) };
    case undefined:
      return invalid('invalid HttpRequest.Message: value is required');
  }
}

function headerFromGenerated(header: HttpRequest_Header): TunnelDown {
  const { request, extra, contentLength } = header;
  return {
    kind: 'requestHeader',
    method: request?.method ?? '',
    urlPath: request?.urlPath ?? '',
    query: flatPairs(request?.query ?? {}),
    headers: flatPairs(request?.header ?? {}),
    contentLength: contentLength === undefined ? undefined : Number(contentLength),
    extra: extra === undefined ? undefined : { typeUrl: extra.typeUrl, value: asBuffer(extra.value) },
  };
}

function invalid(violations: string): TunnelDown {
  return { kind: 'malformed', status: status(StatusCode.InvalidArgument, violations) };
}
