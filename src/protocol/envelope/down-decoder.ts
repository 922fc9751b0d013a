/**
 * Decodes what agentk receives from kas through a tunnel: ConnectResponse with HttpRequest inside, in one step.
 *
 * 1. The fast path takes only valid messages of the usual shape, complete to the last byte. Everything else goes to the
 *    generated decoder and the validator (`generated-down.ts`), which alone refuse.
 * 2. Data is a view into the payload; texts are copies.
 */
import type { AnyBytes } from '../status.ts';
import { downFromGenerated } from './generated-down.ts';
import { Reader } from './reader.ts';
import {
  anyTags,
  connectResponseTags,
  fieldOne,
  httpTags,
  requestHeaderTags,
  requestInfoTags,
  requestTags,
} from './tags.ts';
import type { TunnelDown } from './tunnel-messages.ts';
import { readData } from './up-decoder.ts';

const requestTrailerMessage: TunnelDown = Object.freeze({ kind: 'requestTrailer' });
const closeSendMessage: TunnelDown = Object.freeze({ kind: 'closeSend' });

/** Decodes one payload (without frame header) of a Connect stream on the agentk side. Never throws. */
export function decodeTunnelDown(payload: Buffer): TunnelDown {
  const reader = new Reader(payload);
  const fast = read(reader);
  return fast === undefined || reader.failed ? downFromGenerated(payload) : fast;
}

function read(reader: Reader): TunnelDown | undefined {
  const end = reader.size;
  switch (reader.tag(end)) {
    case connectResponseTags.message:
      reader.rest(end);
      if (reader.tag(end) !== fieldOne) return undefined;
      reader.rest(end);
      return readHttp(reader, end);
    case connectResponseTags.requestInfo:
      reader.rest(end);
      return readRequestInfo(reader, end);
    case connectResponseTags.closeSend:
      reader.rest(end);
      return reader.at === end ? closeSendMessage : undefined;
    default:
      return undefined;
  }
}

function readHttp(reader: Reader, end: number): TunnelDown | undefined {
  switch (reader.tag(end)) {
    case httpTags.data:
      return { kind: 'requestData', data: readData(reader, end) };
    case httpTags.header:
      reader.rest(end);
      return readHeader(reader, end);
    case httpTags.trailer:
      reader.rest(end);
      return reader.at === end ? requestTrailerMessage : undefined;
    case httpTags.upgradeData:
      return { kind: 'requestUpgradeData', data: readData(reader, end) };
    default:
      return undefined;
  }
}

function readRequestInfo(reader: Reader, end: number): TunnelDown | undefined {
  let method = '';
  const metadata: string[] = [];
  while (!reader.failed && reader.at < end) {
    switch (reader.tag(end)) {
      case requestInfoTags.methodName:
        method = reader.text(end);
        break;
      case requestInfoTags.meta:
        reader.entry(end, metadata);
        break;
      default:
        reader.refuse();
    }
  }
  return { kind: 'requestInfo', method, metadata };
}

/** HttpRequest.Header: `request` must come first and once, as every encoder writes it. */
function readHeader(reader: Reader, end: number): TunnelDown | undefined {
  if (reader.tag(end) !== requestHeaderTags.request) return undefined;
  const requestEnd = reader.contents(end);
  let method = '';
  let urlPath = '';
  const query: string[] = [];
  const headers: string[] = [];
  while (!reader.failed && reader.at < requestEnd) {
    switch (reader.tag(requestEnd)) {
      case requestTags.method:
        method = reader.text(requestEnd);
        break;
      case requestTags.header:
        reader.entry(requestEnd, headers);
        break;
      case requestTags.urlPath:
        urlPath = reader.text(requestEnd);
        break;
      case requestTags.query:
        reader.entry(requestEnd, query);
        break;
      default:
        reader.refuse();
    }
  }
  let contentLength: number | undefined;
  let extra: AnyBytes | undefined;
  while (!reader.failed && reader.at < end) {
    switch (reader.tag(end)) {
      case requestHeaderTags.extra:
        if (extra !== undefined) reader.refuse();
        extra = readAny(reader, end);
        break;
      case requestHeaderTags.contentLength:
        contentLength = reader.int64(end);
        break;
      default:
        reader.refuse();
    }
  }
  const valid = method !== '' && urlPath !== '' && (contentLength === undefined || contentLength >= -1);
  return valid ? { kind: 'requestHeader', method, urlPath, query, headers, contentLength, extra } : undefined;
}

function readAny(reader: Reader, end: number): AnyBytes {
  const anyEnd = reader.contents(end);
  let typeUrl = '';
  let value: Buffer = Buffer.alloc(0);
  while (!reader.failed && reader.at < anyEnd) {
    switch (reader.tag(anyEnd)) {
      case anyTags.typeUrl:
        typeUrl = reader.text(anyEnd);
        break;
      case anyTags.value: {
        const valueEnd = reader.contents(anyEnd);
        value = reader.failed ? value : reader.view(valueEnd);
        break;
      }
      default:
        reader.refuse();
    }
  }
  return { typeUrl, value };
}
