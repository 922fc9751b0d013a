/**
 * Decodes what kas receives from agentk through a tunnel: ConnectRequest with HttpResponse inside, in one step.
 *
 * 1. The fast path takes only messages of the usual shape, complete to the last byte. Everything else goes to the
 *    generated decoder and the validator (`generated-up.ts`), which alone refuse.
 * 2. Data is a view into the payload; texts are copies.
 * 3. The last descriptor is remembered: the agents of one release all send the same bytes, again after each request.
 */
import { upFromGenerated } from './generated-up.ts';
import type { FlatPairs } from './header-map.ts';
import { descriptorBytesRemembered } from './limits.ts';
import { Reader } from './reader.ts';
import { connectRequestTags, fieldOne, httpTags, responseTags } from './tags.ts';
import type { TunnelUp } from './tunnel-messages.ts';

const responseTrailerMessage: TunnelUp = Object.freeze({ kind: 'responseTrailer' });

/** Decodes one payload (without frame header) of a Connect stream on the kas side. Never throws. */
export function decodeTunnelUp(payload: Buffer): TunnelUp {
  const reader = new Reader(payload);
  const fast = read(reader, payload);
  return fast === undefined || reader.failed ? upFromGenerated(payload) : fast;
}

function read(reader: Reader, payload: Buffer): TunnelUp | undefined {
  const end = reader.size;
  switch (reader.tag(end)) {
    case connectRequestTags.message:
      reader.rest(end);
      if (reader.tag(end) !== fieldOne) return undefined;
      reader.rest(end);
      return readHttp(reader, end);
    case connectRequestTags.header:
      return { kind: 'header', metadata: readMeta(reader, end) };
    case connectRequestTags.trailer:
      return { kind: 'trailer', metadata: readMeta(reader, end) };
    case connectRequestTags.descriptor:
      return readDescriptor(payload);
    default:
      return undefined;
  }
}

function readHttp(reader: Reader, end: number): TunnelUp | undefined {
  switch (reader.tag(end)) {
    case httpTags.data:
      return { kind: 'responseData', data: readData(reader, end) };
    case httpTags.header:
      reader.rest(end);
      if (reader.tag(end) !== fieldOne) return undefined;
      reader.rest(end);
      return readResponse(reader, end);
    case httpTags.trailer:
      reader.rest(end);
      return reader.at === end ? responseTrailerMessage : undefined;
    case httpTags.upgradeData:
      return { kind: 'responseUpgradeData', data: readData(reader, end) };
    default:
      return undefined;
  }
}

/** Data and UpgradeData: one bytes field, left out when empty. */
export function readData(reader: Reader, end: number): Buffer {
  reader.rest(end);
  if (reader.at === end) return reader.view(end);
  if (reader.tag(end) !== fieldOne) reader.refuse();
  reader.rest(end);
  return reader.view(end);
}

function readMeta(reader: Reader, end: number): FlatPairs {
  reader.rest(end);
  const pairs: string[] = [];
  while (!reader.failed && reader.at < end) {
    if (reader.tag(end) === fieldOne) reader.entry(end, pairs);
    else reader.refuse();
  }
  return pairs;
}

function readResponse(reader: Reader, end: number): TunnelUp {
  let statusCode = 0;
  let status = '';
  const headers: string[] = [];
  while (!reader.failed && reader.at < end) {
    switch (reader.tag(end)) {
      case responseTags.statusCode:
        statusCode = reader.varint(end);
        break;
      case responseTags.status:
        status = reader.text(end);
        break;
      case responseTags.header:
        reader.entry(end, headers);
        break;
      default:
        reader.refuse();
    }
  }
  return { kind: 'responseHeader', statusCode, status, headers };
}

let rememberedBytes = Buffer.alloc(0);
let remembered: TunnelUp | undefined;

/** Invariant 3. */
function readDescriptor(payload: Buffer): TunnelUp {
  if (remembered !== undefined && rememberedBytes.equals(payload)) return remembered;
  const decoded = upFromGenerated(payload);
  if (decoded.kind === 'descriptor' && payload.length <= descriptorBytesRemembered) {
    rememberedBytes = Buffer.from(payload);
    remembered = Object.freeze(decoded);
  }
  return decoded;
}
