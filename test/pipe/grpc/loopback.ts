/** Real HTTP/2 over 127.0.0.1 for the tests of this folder, and a stream owner whose events can be awaited. */
import * as http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { noMetadata } from '../../../src/protocol/index.ts';
import type { Metadata } from '../../../src/protocol/index.ts';
import {
  GrpcServer,
  http2ClientOptions,
  http2ServerOptions,
  tuneClientSession,
} from '../../../src/pipe/grpc/index.ts';
import type {
  CallHandler,
  CallObserver,
  GrpcLimits,
  MessageHandler,
  MessageStream,
  ServerCall,
  StreamEnd,
} from '../../../src/pipe/grpc/index.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';

export const method = '/test.Service/Method';
export { noMetadata };

/** Keeps everything a stream said; `until` waits for a condition over it. */
export class Recorder implements MessageHandler {
  readonly messages: Buffer[] = [];
  readonly parts: Buffer[] = [];
  readonly headers: Metadata[] = [];
  readonly ends: StreamEnd[] = [];
  halfClosed = 0;
  drains = 0;
  onEach: ((payload: Buffer) => void) | undefined;
  #waiting: (() => void)[] = [];

  onHeaders(metadata: Metadata): void {
    this.headers.push(metadata);
    this.#wake();
  }
  onMessage(payload: Buffer): void {
    this.messages.push(Buffer.from(payload));
    this.onEach?.(payload);
    this.#wake();
  }
  onPart(chunk: Buffer): void {
    this.parts.push(Buffer.from(chunk));
    this.#wake();
  }
  onHalfClosed(): void {
    this.halfClosed += 1;
    this.#wake();
  }
  onDrain(): void {
    this.drains += 1;
    this.#wake();
  }
  onClosed(end: StreamEnd): void {
    this.ends.push(end);
    this.#wake();
  }

  get texts(): string[] {
    return this.messages.map(String);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The end of the stream; fails when it was told more than once. */
  async end(): Promise<StreamEnd> {
    await this.until(() => this.ends.length > 0);
    await settled();
    const [end, ...more] = this.ends;
    if (end === undefined || more.length > 0) throw new Error(`onClosed came ${this.ends.length} times`);
    return end;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Gives everything that is already under way in this process a turn. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Calls as they arrive, each with a recorder as its owner. */
export class Calls {
  readonly #arrived: { call: ServerCall; recorder: Recorder }[] = [];
  #waiting: (() => void)[] = [];

  readonly handler: CallHandler = (call) => {
    const recorder = new Recorder();
    call.stream.handler = recorder;
    this.#arrived.push({ call, recorder });
    for (const resolve of this.#waiting.splice(0)) resolve();
  };

  async next(): Promise<{ call: ServerCall; recorder: Recorder }> {
    for (;;) {
      const first = this.#arrived.shift();
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

export interface Loopback extends AsyncDisposable {
  readonly grpc: GrpcServer;
  readonly clock: VirtualClock;
  readonly log: RecordingLog;
  readonly port: number;
  readonly calls: Calls;
  readonly serverSessions: http2.ServerHttp2Session[];
  connect(): http2.ClientHttp2Session;
}

/** A server with one method, whose calls come out of `calls`, and clients to it. */
export async function loopback(
  options: { limits?: Partial<GrpcLimits>; observer?: CallObserver } = {},
): Promise<Loopback> {
  const clock = new VirtualClock();
  const log = new RecordingLog();
  const calls = new Calls();
  const grpc = new GrpcServer({ clock, log, ...options });
  grpc.handle(method, calls.handler);
  const serverSessions: http2.ServerHttp2Session[] = [];
  grpc.onSession = (session) => serverSessions.push(session);
  const server = http2.createServer(http2ServerOptions(options.limits));
  grpc.attach(server);
  const port = await listen(server);
  const clients: http2.ClientHttp2Session[] = [];
  return {
    grpc,
    clock,
    log,
    port,
    calls,
    serverSessions,
    connect() {
      const session = connectTo(port);
      clients.push(session);
      return session;
    },
    async [Symbol.asyncDispose]() {
      for (const session of [...clients, ...serverSessions]) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function connectTo(port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, http2ClientOptions());
  session.on('error', () => {});
  tuneClientSession(session);
  return session;
}

export async function listen(server: http2.Http2Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A node:http2 server that answers as told, for clients under test. */
export async function rawServer(
  answer: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
): Promise<{ port: number; sockets: Socket[] } & AsyncDisposable> {
  const sessions: http2.ServerHttp2Session[] = [];
  const sockets: Socket[] = [];
  const server = http2.createServer();
  server.on('connection', (socket: Socket) => sockets.push(socket));
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => {});
    answer(stream, headers);
  });
  const port = await listen(server);
  return {
    port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The rest of a raw stream: its header blocks, bytes and how it closed. */
export function readRaw(stream: http2.ClientHttp2Stream): Promise<{
  headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  trailers: http2.IncomingHttpHeaders;
  body: Buffer;
  rstCode: number;
}> {
  return new Promise((resolve) => {
    let headers = {};
    let trailers = {};
    const chunks: Buffer[] = [];
    stream.on('response', (block) => (headers = block));
    stream.on('trailers', (block) => (trailers = block));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {});
    stream.on('close', () =>
      resolve({ headers, trailers, body: Buffer.concat(chunks), rstCode: stream.rstCode ?? 0 }),
    );
  });
}

export function grpcHeaders(more: http2.OutgoingHttpHeaders = {}): http2.OutgoingHttpHeaders {
  return { ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers', ...more };
}

/** Installs a recorder on a client stream. */
export function record(stream: MessageStream): Recorder {
  const recorder = new Recorder();
  stream.handler = recorder;
  return recorder;
}
