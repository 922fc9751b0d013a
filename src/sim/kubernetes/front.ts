/**
 * The HTTP front: who asks, whether they may, what they get.
 *
 * F1. Every request is answered: a bug behind becomes a 500, never a hanging connection.
 * F2. Every decision is remembered, with the identity it was made for; tokens and bodies are not.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Log } from '../../ports/index.ts';
import { answer, type Answer, type ApiDeps } from './api.ts';
import { readBody } from './body.ts';
import type { AuditLog } from './audit.ts';
import { discovery, kubernetesVersion } from './discovery.ts';
import type { ExecSessions } from './exec.ts';
import { authenticate, impersonated } from './identity.ts';
import type { KindRegistry } from './kinds.ts';
import { openapi, openapiV2Protobuf } from './openapi.ts';
import { denialText, isAllowed, type Identity } from './rbac.ts';
import {
  badRequest,
  forbidden,
  forbiddenPath,
  internalError,
  noSuchPath,
  notAcceptable,
  Refusal,
  unauthorized,
} from './refusal.ts';
import { attributesOf, requestInfo, type RequestInfo } from './request-info.ts';

export interface FrontDeps extends ApiDeps {
  readonly kinds: KindRegistry;
  readonly log: Log;
  readonly audit: AuditLog;
  readonly exec: ExecSessions;
  /** Serves HTTPS with this; plain HTTP without. */
  readonly certificate: { readonly keyPem: string; readonly certPem: string } | undefined;
}

const json = 'application/json';
/** Answers larger than this are compressed for those who accept it, as in the real server. */
const gzipFromChars = 64 * 1024;

function headersOf(contentType: string): Record<string, string> {
  return { 'Content-Type': contentType, 'Cache-Control': 'no-cache, private' };
}

function send(response: ServerResponse, code: number, body: string, contentType = json): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = Buffer.from(body);
  response.writeHead(code, { ...headersOf(contentType), 'Content-Length': String(bytes.length) });
  response.end(bytes);
}

function refuse(response: ServerResponse, refusal: Refusal): void {
  const after = refusal.details?.['retryAfterSeconds'];
  if (!response.headersSent && typeof after === 'number') response.setHeader('Retry-After', String(after));
  // The rest of a body that was too large is not read.
  if (refusal.code === 413) response.setHeader('Connection', 'close');
  send(response, refusal.code, JSON.stringify(refusal.status()));
}

/** Sends a list piece by piece as fast as the client reads. */
async function sendPieces(
  request: IncomingMessage,
  response: ServerResponse,
  pieces: Iterable<string>,
): Promise<void> {
  const source = pieces[Symbol.iterator]();
  const first = source.next();
  const second = first.done === true ? first : source.next();
  if (first.done === true || (second.done === true && first.value.length < gzipFromChars)) {
    send(response, 200, first.done === true ? '' : first.value);
    return;
  }
  function* all(): Generator<string> {
    yield String(first.value);
    for (let next = second; next.done !== true; next = source.next()) yield next.value;
  }
  const zips = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  response.writeHead(200, { ...headersOf(json), ...(zips ? { 'Content-Encoding': 'gzip' } : {}) });
  const readable = Readable.from(all());
  await (zips ? pipeline(readable, createGzip({ level: 1 }), response) : pipeline(readable, response));
}

async function finish(
  request: IncomingMessage,
  response: ServerResponse,
  result: Answer | Refusal,
): Promise<void> {
  if (result === undefined) return;
  if (result instanceof Refusal) refuse(response, result);
  else if (typeof result.body === 'string') send(response, result.code, result.body);
  else await sendPieces(request, response, result.body);
}

/** Paths that answer before anybody has said who they are. */
function openPath(info: RequestInfo): { readonly body: string; readonly type: string } | undefined {
  const { path } = info;
  if (/^\/(healthz|livez|readyz)(\/[\w-]+)*$/.test(path))
    return { body: 'ok', type: 'text/plain; charset=utf-8' };
  if (path === '/version' || path === '/version/')
    return { body: JSON.stringify(kubernetesVersion), type: json };
  return undefined;
}

/** Discovery, OpenAPI and the list of roots. */
function answerPath(
  deps: FrontDeps,
  info: RequestInfo,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { path } = info;
  const accept = request.headers.accept ?? '';
  if (path === '/') {
    const paths = [
      '/api',
      '/api/v1',
      '/apis',
      '/healthz',
      '/livez',
      '/openapi/v2',
      '/openapi/v3',
      '/readyz',
      '/version',
    ];
    send(response, 200, JSON.stringify({ paths }));
    return;
  }
  if (path === '/openapi/v2' && !/json|\*\/\*|^$/.test(accept)) {
    if (accept.includes('proto-openapi.spec.v2@v1.0+protobuf'))
      send(response, 200, openapiV2Protobuf.body, openapiV2Protobuf.contentType);
    else refuse(response, notAcceptable([json, openapiV2Protobuf.contentType]));
    return;
  }
  const found = discovery(deps.kinds, path, accept);
  const body = found?.body ?? openapi(deps.kinds, path);
  if (body === undefined) refuse(response, noSuchPath());
  else send(response, 200, JSON.stringify(body), found?.contentType);
}

/** Who the request acts as, or why it may not go on; the decision is remembered (F2). */
function admitted(deps: FrontDeps, info: RequestInfo, request: IncomingMessage): Identity | Refusal {
  const { audit, store, tokens } = deps;
  const target = { method: request.method ?? '', path: request.url ?? '' };
  const caller = authenticate(tokens, request.headers);
  if (caller === undefined) {
    audit.add({ ...target, username: '', groups: [], decision: 'unauthenticated' });
    return unauthorized();
  }
  const who = { ...target, username: caller.username, groups: caller.groups };
  const other = impersonated(store, caller, request.rawHeaders);
  if (other instanceof Refusal) {
    audit.add({ ...who, decision: 'forbid' });
    return other;
  }
  const identity = other ?? caller;
  const attributes = attributesOf(info);
  const allowed = isAllowed(store, identity, attributes);
  audit.add({
    ...who,
    ...(other === undefined ? {} : { impersonated: other }),
    decision: allowed ? 'allow' : 'forbid',
  });
  if (allowed) return identity;
  const why = denialText(identity, attributes);
  if (attributes.kind === 'path') return forbiddenPath(why);
  return forbidden({ group: attributes.group, plural: attributes.resource }, attributes.name, why);
}

async function serve(deps: FrontDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const info = requestInfo(request.method ?? 'GET', request.url ?? '/');
  if (info === undefined) return refuse(response, badRequest('the URL is malformed'));
  const open = openPath(info);
  if (open !== undefined) return send(response, 200, open.body, open.type);
  const caller = admitted(deps, info, request);
  if (caller instanceof Refusal) return refuse(response, caller);
  const target = info.resource;
  if (target === undefined) return answerPath(deps, info, request, response);
  const kind = deps.kinds.find(target.group, target.version, target.plural);
  if (kind === undefined) return refuse(response, noSuchPath());
  const body = () => readBody(request);
  return finish(
    request,
    response,
    await answer(deps, { info, target, kind, caller, request, body, response }),
  );
}

/** An upgrade: exec over WebSocket, after the same admission as any request. */
function upgrade(deps: FrontDeps, request: IncomingMessage, socket: Duplex): void {
  const info = requestInfo(request.method ?? 'GET', request.url ?? '/');
  const target = info?.resource;
  const refused = (refusal: Refusal): void => {
    const body = JSON.stringify(refusal.status());
    socket.end(
      `HTTP/1.1 ${refusal.code} ${refusal.reason}\r\nContent-Type: ${json}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  };
  if (info === undefined || target === undefined) return refused(noSuchPath());
  const caller = admitted(deps, info, request);
  if (caller instanceof Refusal) return refused(caller);
  if (target.plural !== 'pods' || target.group !== '' || target.subresource !== 'exec') {
    return refused(badRequest('the server cannot upgrade this request'));
  }
  const kind = deps.kinds.builtin('v1', 'pods');
  const pod = deps.resources.get(kind, target.namespace, target.name);
  if (pod instanceof Refusal) return refused(pod);
  const refusal = deps.exec.serve(pod, info.query, request, socket);
  return refusal === undefined ? undefined : refused(refusal);
}

/** Makes the HTTP server; the caller lets it listen. */
export function createFront(deps: FrontDeps): Server {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    serve(deps, request, response).catch((error: unknown) => {
      // A client that left in the middle of a list is no fault of ours.
      if (response.destroyed && !request.complete) return;
      const cause = error instanceof Error ? error : new Error(String(error));
      if ('code' in cause && cause.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
      deps.log.error('simulated kubernetes failed on a request', { error: cause });
      if (response.headersSent) response.destroy();
      else refuse(response, internalError('see the log of the simulated cluster')); // F1
    });
  };
  const settings = { keepAliveTimeout: 90_000, maxHeaderSize: 64 * 1024 };
  const { certificate } = deps;
  const server =
    certificate === undefined
      ? createServer(settings, listener)
      : createTlsServer({ ...settings, key: certificate.keyPem, cert: certificate.certPem }, listener);
  server.requestTimeout = 0; // a watch may stay open; bodies are bounded by size
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    upgrade(deps, request, socket);
  });
  return server;
}
