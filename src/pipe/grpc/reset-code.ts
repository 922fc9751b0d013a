/** RST_STREAM codes: their names for reasons, their gRPC statuses as the gRPC over HTTP/2 protocol maps them. */
import { constants } from 'node:http2';
import { status, StatusCode } from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';

const names: ReadonlyMap<number, string> = new Map([
  [constants.NGHTTP2_NO_ERROR, 'NO_ERROR'],
  [constants.NGHTTP2_PROTOCOL_ERROR, 'PROTOCOL_ERROR'],
  [constants.NGHTTP2_INTERNAL_ERROR, 'INTERNAL_ERROR'],
  [constants.NGHTTP2_FLOW_CONTROL_ERROR, 'FLOW_CONTROL_ERROR'],
  [constants.NGHTTP2_SETTINGS_TIMEOUT, 'SETTINGS_TIMEOUT'],
  [constants.NGHTTP2_STREAM_CLOSED, 'STREAM_CLOSED'],
  [constants.NGHTTP2_FRAME_SIZE_ERROR, 'FRAME_SIZE_ERROR'],
  [constants.NGHTTP2_REFUSED_STREAM, 'REFUSED_STREAM'],
  [constants.NGHTTP2_CANCEL, 'CANCEL'],
  [constants.NGHTTP2_COMPRESSION_ERROR, 'COMPRESSION_ERROR'],
  [constants.NGHTTP2_CONNECT_ERROR, 'CONNECT_ERROR'],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, 'ENHANCE_YOUR_CALM'],
  [constants.NGHTTP2_INADEQUATE_SECURITY, 'INADEQUATE_SECURITY'],
  [constants.NGHTTP2_HTTP_1_1_REQUIRED, 'HTTP_1_1_REQUIRED'],
]);

/** A reason for logs and statuses: `stream reset by the peer: CANCEL`. */
export function resetReason(code: number): string {
  return `stream reset by the peer: ${names.get(code) ?? code}`;
}

/** The status a client reports for a reset; every code not named there is INTERNAL. */
export function resetStatus(code: number): RpcStatus {
  return status(statusCodes.get(code) ?? StatusCode.Internal, resetReason(code));
}

const statusCodes: ReadonlyMap<number, StatusCode> = new Map<number, StatusCode>([
  [constants.NGHTTP2_REFUSED_STREAM, StatusCode.Unavailable],
  [constants.NGHTTP2_CANCEL, StatusCode.Canceled],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, StatusCode.ResourceExhausted],
  [constants.NGHTTP2_INADEQUATE_SECURITY, StatusCode.PermissionDenied],
]);
