/**
 * What GitLab's answers mean (`spec/gitlab.md §1.4`).
 *
 * 1. A body is read up to a bound; what is longer is no answer.
 * 2. JSON is read by the schema: fields we do not know are ignored, those we need must be there and sound.
 * 3. GitLab's words are shown cleaned and cut, and only where they are JSON: a page for people is no message.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Readable } from 'node:stream';
import type { GitLabRefusal } from '../../ports/index.ts';
import { clientErrorText, readPeerJson, validate } from '../../protocol/index.ts';
import type { ExchangeAnswer } from './exchange.ts';
import { discard, headerOf } from './gitlab-calls.ts';
import { restLimits } from './limits.ts';
import { shownText } from './shown-text.ts';

export type ReadMessage<Desc extends DescMessage> =
  | { readonly kind: 'ok'; readonly message: MessageShape<Desc> }
  | { readonly kind: 'invalid'; readonly reason: string };

/** The message in a successful answer, or what is wrong with it. */
export async function readMessage<Desc extends DescMessage>(
  schema: Desc,
  answer: ExchangeAnswer,
): Promise<ReadMessage<Desc>> {
  if (!isJson(answer)) {
    discard(answer.body);
    const type = headerOf(answer.headers, 'content-type') ?? 'none';
    return { kind: 'invalid', reason: `unexpected Content-Type of the answer: ${shownText(type)}` };
  }
  const body = await readBody(answer.body, restLimits.answerBytesMax);
  if (body.kind === 'invalid') return body;
  const json = parsed(body.bytes);
  if (json === undefined) return { kind: 'invalid', reason: 'the answer is not valid JSON' };
  const read = readPeerJson(schema, json.value); // 2
  if (read.kind === 'invalid') return { kind: 'invalid', reason: shownText(read.reason) };
  const violations = validate(schema, read.message);
  if (violations !== undefined) return { kind: 'invalid', reason: shownText(violations) };
  return { kind: 'ok', message: read.message };
}

export interface Words {
  readonly text: string;
  /** No route of GitLab's API has this path: another thing than a resource that is not there. */
  readonly isNoRoute: boolean;
}

/** What GitLab says in an answer that is no success (3). */
export async function readWords(answer: ExchangeAnswer): Promise<Words> {
  const none: Words = { text: '', isNoRoute: false };
  if (!isJson(answer)) {
    discard(answer.body);
    return none;
  }
  const body = await readBody(answer.body, restLimits.refusalBytesMax);
  const json = body.kind === 'ok' ? parsed(body.bytes)?.value : undefined;
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return none;
  const { message, error } = json;
  const told = message ?? error;
  const text = typeof told === 'string' ? told : told === undefined ? '' : JSON.stringify(told);
  return { text: shownText(text), isNoRoute: message === undefined && error === '404 Not Found' };
}

const kinds: Readonly<Record<number, GitLabRefusal['kind']>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'notFound',
};

/** A refusal, or `unavailable` for every other status. */
export function refusalOf(
  statusCode: number,
  path: string,
  words: string,
): GitLabRefusal | { readonly kind: 'unavailable'; readonly reason: string } {
  const reason = clientErrorText(statusCode, path, words);
  const kind = kinds[statusCode];
  return kind === undefined
    ? { kind: 'unavailable', reason }
    : { kind, reason, source: { path, message: words } };
}

function isJson({ headers }: ExchangeAnswer): boolean {
  const type = headerOf(headers, 'content-type') ?? '';
  return type.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

type Body =
  | { readonly kind: 'ok'; readonly bytes: Buffer }
  | { readonly kind: 'invalid'; readonly reason: string };

/** 1. */
async function readBody(body: Readable, bytesMax: number): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) return { kind: 'invalid', reason: `the answer has more than ${bytesMax} bytes` };
      chunks.push(chunk);
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { kind: 'invalid', reason: `the answer broke off: ${shownText(text)}` };
  }
  return { kind: 'ok', bytes: Buffer.concat(chunks, bytes) };
}

type Json = Parameters<typeof readPeerJson>[1];

function parsed(bytes: Buffer): { readonly value: Json } | undefined {
  try {
    return { value: JSON.parse(bytes.toString('utf8')) as Json };
  } catch {
    return undefined;
  }
}
