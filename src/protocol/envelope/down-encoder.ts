/**
 * Encodes what kas sends to agentk through a tunnel: ConnectResponse with HttpRequest inside. Every function answers
 * complete gRPC frames; frames of one step come as one buffer for one write. Source: spec/wire.md §2.2, §2.3, §2.7.
 */
import type { AnyBytes } from '../status.ts';
import { frameWriter } from './frame-writer.ts';
import { putHeaderMap } from './header-map.ts';
import type { PairSource } from './header-map.ts';
import {
  anyTags,
  connectResponseTags,
  fieldOne,
  requestHeaderTags,
  requestInfoTags,
  requestTags,
} from './tags.ts';

/** The head of an HTTP request on its way to the agent. */
export interface RequestHeader {
  readonly method: string;
  /** Percent-decoded, starts with `/`. */
  readonly urlPath: string;
  /** Decoded keys and values. */
  readonly query: PairSource;
  /** Canonical names. */
  readonly headers: PairSource;
  /** -1 unknown, 0 no body, else exact; undefined only as an old peer would send it. */
  readonly contentLength: number | bigint | undefined;
  /** HeaderExtra of the module that owns the call. */
  readonly extra?: AnyBytes | undefined;
}

/** RequestInfo: the full method path and the metadata of the call. */
export function encodeRequestInfo(method: string, metadata: PairSource): Buffer {
  writeRequestInfo(method, metadata);
  return frameWriter.take();
}

/** HttpRequest.Header. */
export function encodeRequestHeader(header: RequestHeader): Buffer {
  writeRequestHeader(header);
  return frameWriter.take();
}

/**
 * The first write of an exchange: RequestInfo and header; for a request without a body (`complete`) also the trailer
 * and, unless it asks for an upgrade, CloseSend.
 */
export function encodeRequestStart(
  method: string,
  metadata: PairSource,
  header: RequestHeader,
  rest: 'body' | 'complete' | 'upgrade',
): Buffer {
  writeRequestInfo(method, metadata);
  writeRequestHeader(header);
  if (rest === 'complete') frameWriter.raw(requestEnd);
  else if (rest === 'upgrade') frameWriter.raw(requestTrailer);
  return frameWriter.take();
}

/** HttpRequest.Trailer: the body is finished. */
export const requestTrailer = Buffer.from('000000000612040a021a00', 'hex');

/** CloseSend: the requester half-closed. */
export const closeSend = Buffer.from('00000000021a00', 'hex');

/** Trailer and CloseSend: the end of every plain request. */
export const requestEnd = Buffer.concat([requestTrailer, closeSend]);

function writeRequestInfo(method: string, metadata: PairSource): void {
  frameWriter.begin();
  const info = frameWriter.open(connectResponseTags.requestInfo, 2);
  if (method !== '') frameWriter.text(requestInfoTags.methodName, method);
  putHeaderMap(requestInfoTags.meta, metadata);
  frameWriter.close(info, 2);
  frameWriter.end();
}

function writeRequestHeader(header: RequestHeader): void {
  frameWriter.begin();
  const message = frameWriter.open(connectResponseTags.message, 2);
  const data = frameWriter.open(fieldOne, 2);
  const http = frameWriter.open(fieldOne, 2);
  const request = frameWriter.open(requestHeaderTags.request, 2);
  if (header.method !== '') frameWriter.text(requestTags.method, header.method);
  putHeaderMap(requestTags.header, header.headers);
  if (header.urlPath !== '') frameWriter.text(requestTags.urlPath, header.urlPath);
  putHeaderMap(requestTags.query, header.query);
  frameWriter.close(request, 2);
  if (header.extra !== undefined) writeAny(header.extra);
  if (header.contentLength !== undefined) {
    frameWriter.integer(requestHeaderTags.contentLength, header.contentLength);
  }
  frameWriter.close(http, 2);
  frameWriter.close(data, 2);
  frameWriter.close(message, 2);
  frameWriter.end();
}

function writeAny(any: AnyBytes): void {
  const extra = frameWriter.open(requestHeaderTags.extra, 2);
  if (any.typeUrl !== '') frameWriter.text(anyTags.typeUrl, any.typeUrl);
  if (any.value.length > 0) frameWriter.bytes(anyTags.value, any.value);
  frameWriter.close(extra, 2);
}
