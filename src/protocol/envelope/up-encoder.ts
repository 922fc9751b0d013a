/**
 * Encodes what agentk sends to kas through a tunnel: ConnectRequest with HttpResponse inside. Every function answers
 * complete gRPC frames; frames of one step come as one buffer for one write. Source: spec/wire.md §2.2, §2.3, §2.7.
 */
import type { AnyBytes, RpcStatus } from '../status.ts';
import { varintBytes } from './frame-writer.ts';
import { frameWriter } from './frame-writer.ts';
import { putHeaderMap } from './header-map.ts';
import type { PairSource } from './header-map.ts';
import {
  anyTags,
  connectRequestTags,
  fieldOne,
  httpTags,
  responseTags,
  serviceTags,
  statusTags,
} from './tags.ts';

/** A service the agent can serve through its tunnels. */
export interface ServiceDescriptor {
  readonly name: string;
  readonly methods: readonly string[];
}

/** The head of an HTTP response on its way to kas. */
export interface ResponseHeader {
  readonly statusCode: number;
  /** Code and reason, e.g. `200 OK`. */
  readonly status: string;
  /** Canonical names. */
  readonly headers: PairSource;
}

/** Descriptor: the tunnel is free and can carry these services. */
export function encodeDescriptor(services: readonly ServiceDescriptor[]): Buffer {
  frameWriter.begin();
  const descriptor = frameWriter.open(connectRequestTags.descriptor, 1);
  const agent = frameWriter.open(fieldOne, 1);
  for (const service of services) {
    const at = frameWriter.open(fieldOne, 1);
    if (service.name !== '') frameWriter.text(serviceTags.name, service.name);
    for (const method of service.methods) {
      const methodAt = frameWriter.open(serviceTags.methods, 1);
      if (method !== '') frameWriter.text(fieldOne, method);
      frameWriter.close(methodAt, 1);
    }
    frameWriter.close(at, 1);
  }
  frameWriter.close(agent, 1);
  frameWriter.close(descriptor, 1);
  frameWriter.end();
  return frameWriter.take();
}

/** Header: response header metadata of the call. */
export function encodeHeader(metadata: PairSource): Buffer {
  writeMeta(connectRequestTags.header, metadata);
  return frameWriter.take();
}

/** Trailer: trailer metadata of the call. */
export function encodeTrailer(metadata: PairSource): Buffer {
  writeMeta(connectRequestTags.trailer, metadata);
  return frameWriter.take();
}

/** Error: how the call failed. */
export function encodeError(status: RpcStatus): Buffer {
  frameWriter.begin();
  const error = frameWriter.open(connectRequestTags.error, 1);
  const at = frameWriter.open(fieldOne, 1);
  if (status.code !== 0) frameWriter.integer(statusTags.code, status.code);
  if (status.message !== '') frameWriter.text(statusTags.message, status.message);
  for (const detail of status.details ?? []) writeDetail(detail);
  frameWriter.close(at, 1);
  frameWriter.close(error, 1);
  frameWriter.end();
  return frameWriter.take();
}

/** HttpResponse.Header. */
export function encodeResponseHeader(header: ResponseHeader): Buffer {
  writeResponseHeader(header);
  return frameWriter.take();
}

/**
 * The first write of an answer: call header, HTTP header and, when `bodyBytes` > 0, the head of a first body message
 * whose `bodyBytes` bytes the caller sends right behind.
 */
export function encodeResponseStart(metadata: PairSource, header: ResponseHeader, bodyBytes: number): Buffer {
  writeMeta(connectRequestTags.header, metadata);
  writeResponseHeader(header);
  if (bodyBytes > 0) writeBodyHead(bodyBytes);
  return frameWriter.take();
}

/**
 * A whole small answer in one write: call header, HTTP header, body (copied; may be empty) and `tail`, complete frames
 * that end it.
 */
export function encodeWholeResponse(
  metadata: PairSource,
  header: ResponseHeader,
  body: Buffer,
  tail: Buffer,
): Buffer {
  writeMeta(connectRequestTags.header, metadata);
  writeResponseHeader(header);
  if (body.length > 0) {
    writeBodyHead(body.length);
    frameWriter.raw(body);
  }
  frameWriter.raw(tail);
  return frameWriter.take();
}

/** Header without metadata. */
export const emptyHeader = Buffer.from('00000000021200', 'hex');

/** HttpResponse.Trailer: the body is finished. */
export const responseTrailer = Buffer.from('00000000061a040a021a00', 'hex');

/** Trailer without metadata. */
export const emptyTrailer = Buffer.from('00000000022200', 'hex');

function writeMeta(tag: number, metadata: PairSource): void {
  frameWriter.begin();
  const at = frameWriter.open(tag, 1);
  putHeaderMap(fieldOne, metadata);
  frameWriter.close(at, 1);
  frameWriter.end();
}

function writeResponseHeader(header: ResponseHeader): void {
  frameWriter.begin();
  const message = frameWriter.open(connectRequestTags.message, 2);
  const data = frameWriter.open(fieldOne, 2);
  const http = frameWriter.open(httpTags.header, 2);
  const response = frameWriter.open(fieldOne, 2);
  if (header.statusCode !== 0) frameWriter.integer(responseTags.statusCode, header.statusCode);
  if (header.status !== '') frameWriter.text(responseTags.status, header.status);
  putHeaderMap(responseTags.header, header.headers);
  frameWriter.close(response, 2);
  frameWriter.close(http, 2);
  frameWriter.close(data, 2);
  frameWriter.close(message, 2);
  frameWriter.end();
}

/** The frame of a body message up to its bytes. */
function writeBodyHead(bodyBytes: number): void {
  const dataField = 1 + varintBytes(bodyBytes) + bodyBytes;
  const httpMessage = 1 + varintBytes(dataField) + dataField;
  frameWriter.begin();
  frameWriter.head(connectRequestTags.message, 1 + varintBytes(httpMessage) + httpMessage);
  frameWriter.head(fieldOne, httpMessage);
  frameWriter.head(httpTags.data, dataField);
  frameWriter.head(fieldOne, bodyBytes);
  frameWriter.end(bodyBytes);
}

function writeDetail(detail: AnyBytes): void {
  const at = frameWriter.open(statusTags.details, 1);
  if (detail.typeUrl !== '') frameWriter.text(anyTags.typeUrl, detail.typeUrl);
  if (detail.value.length > 0) frameWriter.bytes(anyTags.value, detail.value);
  frameWriter.close(at, 1);
}
