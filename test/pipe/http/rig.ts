/**
 * kas's front, a tunnel over real HTTP/2, agentk's half and an API server, all in this process on 127.0.0.1. The owners
 * of the tunnels here do what the actors do, in a few lines.
 */
import * as http from 'node:http';
import * as http2 from 'node:http2';
import type * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Agent } from 'undici';
import {
  cleanRequestHeaders,
  methods,
  noMetadata,
  ok,
  parseQuery,
  proxyResponseHeadersRemoved,
  statusText,
} from '../../../src/protocol/index.ts';
import type { AnyBytes } from '../../../src/protocol/index.ts';
import { decodeTunnelDown, decodeTunnelUp, encodeDescriptor } from '../../../src/protocol/envelope/index.ts';
import {
  GrpcServer,
  http2ClientOptions,
  http2ServerOptions,
  openCall,
  tuneClientSession,
} from '../../../src/pipe/grpc/index.ts';
import type { MessageHandler, MessageStream, ServerCall, StreamEnd } from '../../../src/pipe/grpc/index.ts';
import { forwardHttp, serveTunnelExchange, upgradeResponse } from '../../../src/pipe/http/index.ts';
import type {
  ApiTarget,
  Exchange,
  ExchangeOutcome,
  Forwarding,
  ForwardOutcome,
} from '../../../src/pipe/http/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';

export const descriptor = encodeDescriptor([{ name: methods.makeRequest.service, methods: ['MakeRequest'] }]);

/** A list that can be waited on. */
export class Arrivals<T> {
  readonly all: T[] = [];
  #waiting: (() => void)[] = [];

  push(item: T): void {
    this.all.push(item);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The item at this place, as soon as it is there. */
  async at(index: number): Promise<T> {
    for (;;) {
      const item = this.all[index];
      if (item !== undefined) return item;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** Waits until something is true without watching a clock. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const quiet: Omit<MessageHandler, 'onMessage'> = { onHalfClosed() {}, onDrain() {}, onClosed() {} };

/** A tunnel on kas's side between two exchanges. */
interface IdleTunnel {
  readonly call: ServerCall;
}

export interface RigOptions {
  /** The cluster's API server. */
  readonly api: http.RequestListener;
  readonly reuse?: boolean;
  readonly tunnels?: number;
  readonly target?: Partial<ApiTarget>;
  readonly extra?: AnyBytes;
  /** Headers kas sets before it forwards. */
  readonly preset?: Readonly<Record<string, string>>;
  /** Replaces agentk: gets the stream whose descriptor was sent. */
  readonly agent?: (stream: MessageStream) => void;
}

export class Rig {
  readonly clock = new VirtualClock();
  readonly log = new RecordingLog();
  /** Outcomes on kas's and on agentk's side, in order. */
  readonly forwarded = new Arrivals<ForwardOutcome>();
  readonly served = new Arrivals<ExchangeOutcome>();
  readonly forwardings = new Arrivals<Forwarding>();
  readonly exchanges = new Arrivals<Exchange>();
  /** Ends of tunnel streams as kas and agentk saw them after they took their handler back. */
  readonly kasEnds = new Arrivals<StreamEnd>();
  readonly agentEnds = new Arrivals<StreamEnd>();
  readonly calls: ServerCall[] = [];
  readonly api: http.Server;
  readonly front: http.Server;
  readonly options: RigOptions;
  readonly #idle: IdleTunnel[] = [];
  readonly #waiting: ((tunnel: IdleTunnel) => void)[] = [];
  readonly #grpcServer = http2.createServer(http2ServerOptions());
  readonly #sessions: (http2.ServerHttp2Session | http2.ClientHttp2Session)[] = [];
  readonly #sockets = new Set<net.Socket>();
  readonly #dispatcher = new Agent({ connections: 64 });
  #session: http2.ClientHttp2Session | undefined;
  #target: ApiTarget | undefined;

  constructor(options: RigOptions) {
    this.options = options;
    this.api = http.createServer(options.api);
    this.front = http.createServer((request, response) => void this.#handle(request, response));
    this.front.on('upgrade', (request, socket, head) => {
      void this.#handle(request, upgradeResponse(request, socket), { socket, head });
    });
    for (const server of [this.api, this.front])
      server.on('connection', (socket) => this.#sockets.add(socket));
    this.front.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
      void this.#handle(request, response, undefined, true);
    });
    const grpc = new GrpcServer({ clock: this.clock, log: this.log });
    grpc.onSession = (session) => this.#sessions.push(session);
    grpc.handle(methods.connect.path, (call) => this.#accept(call));
    grpc.attach(this.#grpcServer);
  }

  static async start(options: RigOptions): Promise<Rig> {
    const rig = new Rig(options);
    const ports = await Promise.all([rig.api, rig.front, rig.#grpcServer].map(listen));
    rig.#target = {
      origin: `http://127.0.0.1:${ports[0]}`,
      basePath: '',
      dispatcher: rig.#dispatcher,
      authorization: () => 'Bearer agent',
      ...options.target,
    };
    rig.#session = http2.connect(`http://127.0.0.1:${ports[2]}`, http2ClientOptions());
    rig.#session.on('error', () => {});
    tuneClientSession(rig.#session);
    rig.#sessions.push(rig.#session);
    for (let i = 0; i < (options.tunnels ?? 2); i += 1) rig.#openTunnel();
    return rig;
  }

  get port(): number {
    return (this.front.address() as AddressInfo).port;
  }

  get grpcPort(): number {
    return (this.#grpcServer.address() as AddressInfo).port;
  }

  get apiPort(): number {
    return (this.api.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy(); // also switched ones, which their servers forget
    for (const session of this.#sessions) session.destroy();
    await this.#dispatcher.destroy();
    await Promise.all(
      [this.api, this.front, this.#grpcServer].map((server) => new Promise((done) => server.close(done))),
    );
  }

  /** A plain request to kas's front. */
  request(options: http.RequestOptions, body?: Buffer): Promise<Answer> {
    return ask({ port: this.port, ...options }, body);
  }

  /** Ends the connection between agentk and kas. */
  loseAgent(): void {
    this.#session?.destroy();
  }

  #accept(call: ServerCall): void {
    this.calls.push(call);
    this.#awaitDescriptor({ call });
  }

  #awaitDescriptor(tunnel: IdleTunnel): void {
    const { stream } = tunnel.call;
    stream.handler = {
      ...quiet,
      onMessage: (payload) => {
        if (decodeTunnelUp(payload).kind !== 'descriptor') return stream.abort('no descriptor');
        const waiting = this.#waiting.shift();
        if (waiting === undefined) this.#idle.push(tunnel);
        else waiting(tunnel);
      },
      onHalfClosed: () => tunnel.call.finish(ok),
      onClosed: (end) => {
        const index = this.#idle.indexOf(tunnel);
        if (index >= 0) this.#idle.splice(index, 1);
        this.kasEnds.push(end);
      },
    };
  }

  async #claim(): Promise<IdleTunnel> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #handle(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    upgrade?: { socket: Duplex; head: Buffer },
    expectContinue = false,
  ): Promise<void> {
    for (const [name, value] of Object.entries(this.options.preset ?? {})) response.setHeader(name, value);
    const tunnel = await this.#claim();
    const { call } = tunnel;
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    const length = request.headers['content-length'];
    const chunked = request.headers['transfer-encoding'] !== undefined;
    const forwarding = forwardHttp(
      {
        request,
        response,
        ...(upgrade === undefined ? {} : { upgrade }),
        head: {
          method: request.method ?? '',
          urlPath: decodeURIComponent(path),
          query: parseQuery(query),
          headers: cleanRequestHeaders(request.rawHeaders),
          contentLength: chunked ? -1 : Number(length ?? 0),
          upgrade: upgrade !== undefined,
          ...(this.options.extra === undefined ? {} : { extra: this.options.extra }),
        },
        methodPath: methods.makeRequest.path,
        metadata: ['kas-agent', '1'],
        tunnel: { stream: call.stream, reuse: this.options.reuse ?? false },
        serverName: 'gitlab-kas/test/0',
        droppedResponseHeaders: proxyResponseHeadersRemoved,
        clock: this.clock,
        expectContinue,
      },
      (outcome) => {
        if (outcome.reusable) {
          this.#awaitDescriptor(tunnel);
        } else {
          call.stream.handler = { ...quiet, onMessage() {}, onClosed: (end) => this.kasEnds.push(end) };
          call.finish(outcome.tunnelStatus);
        }
        if (outcome.kind === 'failedBeforeHeader') {
          response.writeHead(502, { 'content-type': 'text/plain' });
          response.end(`${outcome.what}: ${statusText(outcome.status)}`);
        }
        this.forwarded.push(outcome);
      },
    );
    this.forwardings.push(forwarding);
  }

  #openTunnel(): void {
    const session = this.#session;
    if (session === undefined || session.closed || session.destroyed) return;
    const { stream } = openCall(session, methods.connect.path, noMetadata, {
      clock: this.clock,
      log: this.log,
    });
    this.#awaitRequest(stream);
    stream.write(descriptor);
  }

  #awaitRequest(stream: MessageStream): void {
    const closed = (end: StreamEnd): void => {
      this.agentEnds.push(end);
      this.#openTunnel();
    };
    if (this.options.agent !== undefined) {
      this.options.agent(stream);
      return;
    }
    stream.handler = {
      ...quiet,
      onClosed: closed,
      onMessage: (payload) => {
        const message = decodeTunnelDown(payload);
        if (message.kind !== 'requestInfo' || this.#target === undefined)
          return stream.abort('no request_info');
        const exchange = serveTunnelExchange(
          {
            stream,
            method: message.method,
            target: this.#target,
            agentName: 'gitlab-agent/test/0',
            ...(this.options.reuse === true ? { descriptor: () => descriptor } : {}),
            clock: this.clock,
          },
          (outcome) => {
            if (outcome.reusable) this.#awaitRequest(stream);
            else stream.handler = { ...quiet, onMessage() {}, onClosed: closed };
            if (!outcome.reusable && !stream.open) this.#openTunnel();
            this.served.push(outcome);
          },
        );
        this.exchanges.push(exchange);
      },
    };
  }
}

async function listen(server: net.Server | http2.Http2Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export interface Answer {
  readonly statusCode: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** One HTTP request and its whole answer. */
export function ask(options: http.RequestOptions, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, headers, rawHeaders } = response;
        resolve({ statusCode, headers, rawHeaders, body: Buffer.concat(chunks) });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The values of a header in a raw list, in order. */
export function valuesOf(raw: readonly string[], name: string): string[] {
  return raw.filter(
    (_value, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name.toLowerCase(),
  );
}
