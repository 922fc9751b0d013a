/**
 * The gRPC server: takes streams from node:http2 servers, checks their headers and hands each call to its method.
 *
 * 1. A stream that is not gRPC is answered with its HTTP code (415, 405); an unknown method with the texts of
 *    spec/wire.md §1. None of this is logged: a hostile peer chooses how often it happens.
 * 2. `te: trailers` is not demanded and any `:authority` is taken, as grpc-go does.
 * 3. No timeout is ever set on a stream: tunnels idle for many minutes (spec/wire.md §16).
 * 4. What a client does to its connection is counted by its {@link SessionGuard}; the owner of the session ends it. Calls
 *    that come after it was told get no answer: a chunk of many frames may hold a thousand of them.
 */
import { constants, createServer } from 'node:http2';
import type {
  Http2SecureServer,
  Http2Server,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  SecureServerOptions,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Clock, Log } from '../../ports/index.ts';
import { metadataFromHeaders, status, StatusCode, statusToTrailers } from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';
import type { CallObserver } from './call-observer.ts';
import { unknownEncoding } from './frame-decoder.ts';
import { defaultGrpcLimits, windows } from './limits.ts';
import type { GrpcLimits } from './limits.ts';
import { SessionGuard, type SessionAbuse } from './session-guard.ts';
import { acceptedEncodings, answerTrailersOnly, Http2ServerCall } from './server-call.ts';
import type { CallHandler } from './server-call.ts';
import { parseTimeout } from './timeout.ts';

export interface GrpcServerOptions {
  /**
   * Clients are strangers until their owner calls {@link GrpcServer.trust}: what of one connection waits to be read is bounded
   * by HTTP/2's own first window (64 KiB) and not by `windows.sessionBytes`, and few of its calls may be refused.
   */
  readonly strangers?: boolean | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<GrpcLimits> | undefined;
  readonly observer?: CallObserver | undefined;
}

/**
 * nghttp2 may end a session for its resets before JavaScript has seen them; with this much more than the guard allows, the
 * guard usually is first and the session ends with a reason.
 */
const resetsBeforeCut = 1.1;

/**
 * Options for `http2.createServer` and `createSecureServer`. What depends on them and cannot be set later: the size of
 * header blocks, the memory of a session, and what nghttp2 counts.
 */
export function http2ServerOptions(
  limits: Partial<GrpcLimits> = {},
): Pick<
  SecureServerOptions,
  | 'settings'
  | 'maxSettings'
  | 'maxSessionMemory'
  | 'maxHeaderListPairs'
  | 'maxSessionInvalidFrames'
  | 'maxSessionRejectedStreams'
  | 'streamResetBurst'
  | 'streamResetRate'
  | 'strictFieldWhitespaceValidation'
> {
  const all = { ...defaultGrpcLimits, ...limits };
  return {
    settings: serverSettings(all),
    maxSettings: all.settingsEntriesMax,
    maxSessionMemory: all.sessionMegabytesMax,
    maxHeaderListPairs: all.headerPairsMax,
    maxSessionInvalidFrames: all.invalidFramesMax,
    maxSessionRejectedStreams: all.rejectedStreamsMax,
    streamResetBurst: Math.ceil(all.resetsBurst * resetsBeforeCut),
    streamResetRate: all.resetsPerSecond,
    strictFieldWhitespaceValidation: false, // grpc-go takes such values, and a token must not vanish for a space
  };
}

function serverSettings(limits: GrpcLimits) {
  return {
    initialWindowSize: windows.streamBytes,
    maxConcurrentStreams: limits.streamsPerSessionMax,
    maxHeaderListSize: limits.headerListBytesMax,
    enablePush: false,
  };
}

const contentTypePattern = /^application\/grpc(?:\+proto)?(?:;[\x20-\x7e]*)?$/i;

/** Lets all streams of a connection together have what a real network needs (`windows`). */
function widenWindow(session: ServerHttp2Session): void {
  if (!session.destroyed) session.setLocalWindowSize(windows.sessionBytes);
}

export class GrpcServer {
  /**
   * Told of every new connection, before its first stream, with the stream it was given to `serve` on. The owner keeps it alive, ages and drains it. After a GOAWAY
   * with an error code it must destroy the session itself: a node:http2 client does not close the socket then.
   */
  onSession: (session: ServerHttp2Session, peer: string, carrier: Duplex | undefined) => void = () => {};
  /** A client abuses its connection: the owner should end it with ENHANCE_YOUR_CALM. At most once per session. */
  onAbuse: (session: ServerHttp2Session, abuse: SessionAbuse) => void = () => {};
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #limits: GrpcLimits;
  readonly #strangers: boolean;
  readonly #observer: CallObserver | undefined;
  readonly #handlers = new Map<string, CallHandler>();
  readonly #services = new Set<string>();
  readonly #peers = new WeakMap<ServerHttp2Session, string>();
  readonly #guards = new WeakMap<ServerHttp2Session, SessionGuard>();
  /** Never listens: it makes sessions of streams that come from elsewhere. */
  #sessions: Http2Server | undefined;
  /** Who is behind the stream that is becoming a session in this very call. */
  #arriving: { readonly peer: string; readonly carrier: Duplex } | undefined;

  constructor(options: GrpcServerOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#limits = { ...defaultGrpcLimits, ...options.limits };
    this.#observer = options.observer;
    this.#strangers = options.strangers ?? false;
  }

  /** Serves a method, given as `/package.Service/Method`. */
  handle(method: string, handler: CallHandler): void {
    if (this.#handlers.has(method)) throw new Error(`method ${method} is served already`);
    this.#handlers.set(method, handler);
    this.#services.add(method.slice(1, method.lastIndexOf('/')));
  }

  /**
   * Serves the streams of a server made with {@link http2ServerOptions}. Windows and stream limits are set here as well,
   * for servers that were made without.
   */
  attach(server: Http2Server | Http2SecureServer): void {
    server.updateSettings(serverSettings(this.#limits));
    server.setTimeout(0); // invariant 3
    const onStream = (
      stream: ServerHttp2Stream,
      headers: IncomingHttpHeaders,
      _flags: number,
      rawHeaders: string[],
    ) => this.#onStream(stream, headers, rawHeaders);
    server.on('session', (session: ServerHttp2Session) => this.#onSession(session));
    server.on('sessionError', (error: Error) => this.#log.debug('HTTP/2 session failed', { error }));
    server.on('stream', onStream);
  }

  /**
   * Serves HTTP/2 with prior knowledge on a stream that was accepted elsewhere: a socket, after TLS or without, whose
   * preface is unread or was put back; or the inside of a WebSocket.
   * @param peer who is at the other end, for logs
   */
  serve(stream: Duplex, peer: string): void {
    if (this.#sessions === undefined) {
      this.#sessions = createServer(http2ServerOptions(this.#limits));
      this.attach(this.#sessions);
    }
    // Without ALPN node:http2 would take a TLS socket for HTTP/1.1; who calls this knows better.
    if ('alpnProtocol' in stream) stream.alpnProtocol = 'h2';
    this.#arriving = { peer, carrier: stream };
    this.#sessions.emit('connection', stream); // makes the session before it returns
    this.#arriving = undefined;
  }

  /** An agent on this session was accepted: the limits for strangers do not hold any more. */
  trust(session: ServerHttp2Session): void {
    widenWindow(session);
    this.#guards.get(session)?.trust();
  }

  #onSession(session: ServerHttp2Session): void {
    if (!this.#strangers) widenWindow(session);
    const peer = this.#arriving?.peer ?? socketAddress(session);
    this.#peers.set(session, peer);
    const tell = (abuse: SessionAbuse) => {
      // Not while its first bytes are read: node:http2 throws when the session is gone before it has read them all.
      if (this.#arriving === undefined) this.onAbuse(session, abuse);
      else setImmediate(() => this.onAbuse(session, abuse));
    };
    const guard = new SessionGuard(session, this.#limits, this.#clock, tell, this.#strangers);
    this.#guards.set(session, guard);
    this.onSession(session, peer, this.#arriving?.carrier);
  }

  #onStream(raw: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    const session = raw.session as ServerHttp2Session | undefined;
    if (session === undefined) return;
    const guard = this.#guards.get(session);
    if (raw.closed || raw.destroyed) {
      if (!session.destroyed) guard?.reset();
      return;
    }
    if (guard?.isSpent === true) return drop(raw); // invariant 4
    const refuse = (outcome: RpcStatus, answerType: string, httpStatus?: number) => {
      guard?.sent();
      guard?.refused();
      raw.once('close', () => {
        if (raw.rstCode !== constants.NGHTTP2_NO_ERROR && !session.destroyed) guard?.reset();
      });
      refuseStream(raw, outcome, answerType, httpStatus);
    };
    const contentType = headers['content-type'] ?? '';
    const method = headers[':path'] ?? '';
    if (headers[':method'] !== 'POST') {
      return refuse(status(StatusCode.Internal, 'gRPC calls are POST requests'), grpcContentType, 405);
    }
    if (!contentTypePattern.test(contentType)) {
      const text = `unsupported content-type ${JSON.stringify(contentType)}`;
      return refuse(status(StatusCode.InvalidArgument, text), grpcContentType, 415);
    }
    const handler = this.#handlers.get(method);
    if (handler === undefined) return refuse(this.#unknown(method), contentType);
    const encoding = single(headers['grpc-encoding']) ?? 'identity';
    if (encoding !== 'identity' && encoding !== 'gzip') return refuse(unknownEncoding(encoding), contentType);
    const timeout = single(headers['grpc-timeout']);
    const deadlineMs = timeout === undefined ? undefined : parseTimeout(timeout);
    if (timeout !== undefined && deadlineMs === undefined) {
      return refuse(status(StatusCode.Internal, 'malformed grpc-timeout'), contentType);
    }
    const call = new Http2ServerCall(raw, {
      method,
      metadata: metadataFromHeaders(rawHeaders),
      session,
      peer: this.#peers.get(session) ?? '',
      deadlineMs,
      contentType,
      encoding,
      guard,
      messageBytesMax: this.#limits.messageBytesMax,
      clock: this.#clock,
      log: this.#log,
      observer: this.#observer,
    });
    try {
      handler(call);
    } catch (error) {
      call.crash(error);
    }
  }

  #unknown(path: string): RpcStatus {
    const name = path.startsWith('/') ? path.slice(1) : path;
    const slash = name.lastIndexOf('/');
    if (slash < 0) return status(StatusCode.Unimplemented, `malformed method name: ${JSON.stringify(path)}`);
    const service = name.slice(0, slash);
    return status(
      StatusCode.Unimplemented,
      this.#services.has(service)
        ? `unknown method ${name.slice(slash + 1)} for service ${service}`
        : `unknown service ${service}`,
    );
  }
}

const grpcContentType = 'application/grpc';

/** A stream that ends before it becomes a call. Whatever the client still sends is dropped. */
function refuseStream(
  raw: ServerHttp2Stream,
  outcome: RpcStatus,
  contentType: string,
  httpStatus = 200,
): void {
  raw.on('error', ignore);
  const block: OutgoingHttpHeaders = statusToTrailers(outcome);
  block['grpc-accept-encoding'] = acceptedEncodings;
  answerTrailersOnly(raw, contentType, block, httpStatus);
  raw.resume();
}

/** A stream of a session that is being ended. */
function drop(raw: ServerHttp2Stream): void {
  raw.on('error', ignore);
  raw.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

function socketAddress(session: ServerHttp2Session): string {
  const { remoteAddress, remotePort } = session.socket;
  if (remoteAddress === undefined) return 'unknown';
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

function ignore(): void {}
