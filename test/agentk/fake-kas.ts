/**
 * A kas for tests, on @grpc/grpc-js: an independent peer, so that what agentk sends is read by code that is not ours. It
 * does what the tests tell it, also what no good kas would do.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type {
  sendUnaryData,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  StatusObject,
} from '@grpc/grpc-js';
import {
  type AgentConfigurationSchema,
  ConfigurationRequestSchema,
  ConfigurationResponseSchema,
  ConnectRequestSchema,
  ConnectResponseSchema,
  GitlabHeaderExtraSchema,
  HttpRequestSchema,
  HttpResponseSchema,
  LogLevelEnum,
  methods,
  ReconcileProjectsRequestSchema,
  ReconcileProjectsResponseSchema,
  RegisterRequestSchema,
  RegisterResponseSchema,
} from '../../src/protocol/index.ts';
import type {
  ConfigurationRequest,
  ConnectRequest,
  HttpRequest,
  HttpRequestHead,
  HttpResponse,
  Method,
  RegisterRequest,
} from '../../src/protocol/index.ts';

type ConfigurationCall = ServerWritableStream<Buffer, Buffer>;
type ConnectCall = ServerDuplexStream<Buffer, Buffer>;

export interface Refusal {
  readonly code: status;
  readonly details: string;
}

/** What an exchange through a tunnel gave. */
export interface TunnelAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
  readonly error: { readonly code: number; readonly message: string } | undefined;
  /** The agent offered the stream again. */
  readonly offered: boolean;
}

/** One `Connect` stream as kas sees it. */
export class FakeTunnel {
  readonly metadata: Metadata;
  closed = false;
  halfClosed = false;
  /** Does not end the stream when the agent has half-closed it. */
  stubborn = false;
  #messages: ConnectRequest[] = [];
  #wake: () => void = () => {};
  readonly #call: ConnectCall;
  readonly #reuse: boolean;

  constructor(call: ConnectCall, reuse: boolean) {
    this.#call = call;
    this.metadata = call.metadata;
    this.#reuse = reuse && call.metadata.get('kastor-tunnel-reuse')[0] === '1';
    call.on('data', (payload: Buffer) => {
      this.#messages.push(fromBinary(ConnectRequestSchema, payload));
      this.#wake();
    });
    call.on('end', () => {
      this.halfClosed = true;
      if (!this.stubborn) call.end();
      this.#wake();
    });
    const gone = () => {
      this.closed = true;
      this.#wake();
    };
    call.on('cancelled', gone);
    call.on('close', gone);
    call.on('error', gone);
  }

  /** The next message of the agent; undefined at its half-close or the stream's end. */
  async next(): Promise<ConnectRequest | undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.halfClosed || this.closed) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Sends a request that stays open until `finish` of the answer. */
  claim(method: string, path: string, more: { header?: Record<string, string>; path?: string } = {}): void {
    if (this.#reuse) {
      const metadata = new Metadata();
      metadata.set('kastor-tunnel-reuse', '1');
      this.#call.sendMetadata(metadata);
    }
    const header = Object.fromEntries(
      Object.entries(more.header ?? {}).map(([name, value]) => [name, { value: [value] }]),
    );
    const head = create(HttpRequestSchema, {
      message: {
        case: 'header',
        value: { request: { method, urlPath: path, header }, contentLength: 0n },
      },
    });
    const trailer = create(HttpRequestSchema, { message: { case: 'trailer', value: {} } });
    this.#send({ case: 'requestInfo', value: { methodName: more.path ?? methods.makeRequest.path } });
    for (const message of [head, trailer]) {
      this.#send({ case: 'message', value: { data: toBinary(HttpRequestSchema, message) } });
    }
    this.#send({ case: 'closeSend', value: {} });
  }

  /** Reads the answer to `claim` up to its end. */
  async answer(): Promise<TunnelAnswer> {
    let statusCode = 0;
    let headers = new Map<string, readonly string[]>();
    let body = '';
    let error: TunnelAnswer['error'];
    for (;;) {
      const message = await this.next();
      const { msg } = message ?? { msg: undefined };
      if (msg?.case === undefined) return { status: statusCode, headers, body, error, offered: false };
      if (msg.case === 'descriptor') return { status: statusCode, headers, body, error, offered: true };
      if (msg.case === 'error')
        error = { code: msg.value.status?.code ?? 0, message: msg.value.status?.message ?? '' };
      if (msg.case !== 'message') continue;
      const http: HttpResponse = fromBinary(HttpResponseSchema, msg.value.data);
      if (http.message.case === 'header') {
        statusCode = http.message.value.response?.statusCode ?? 0;
        headers = new Map(
          Object.entries(http.message.value.response?.header ?? {}).map(([name, { value }]) => [name, value]),
        );
      } else if (http.message.case === 'data') body += Buffer.from(http.message.value.data).toString();
    }
  }

  async get(path: string, header: Record<string, string> = {}): Promise<TunnelAnswer> {
    this.claim('GET', path, { header });
    return this.answer();
  }

  /** Ends the stream with a status. */
  end(code = status.OK, details = ''): void {
    if (code === status.OK) this.#call.end();
    else this.#call.emit('error', { code, details } satisfies Partial<StatusObject>);
  }

  #send(msg: NonNullable<Parameters<typeof create<typeof ConnectResponseSchema>>[1]>['msg']): void {
    if (msg === undefined) return;
    this.#call.write(Buffer.from(toBinary(ConnectResponseSchema, create(ConnectResponseSchema, { msg }))));
  }
}

/** A request of a module to GitLab as kas reads it. */
export interface GitlabRequest {
  readonly module: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, readonly string[]>>;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
  /** Bytes of each data message. */
  readonly chunks: readonly number[];
  readonly hasLength: boolean;
}

export class FakeKas {
  readonly registrations: RegisterRequest[] = [];
  readonly configurationRequests: ConfigurationRequest[] = [];
  readonly authorizations = new Set<string>();
  readonly userAgents = new Set<string>();
  /** Every `Connect` stream ever opened. */
  readonly tunnels: FakeTunnel[] = [];
  /** The projects of every `ReconcileProjects` stream ever opened. */
  readonly fluxProjects: (readonly string[])[] = [];
  /** Every request of a module to GitLab, whole. */
  readonly gitlabRequests: GitlabRequest[] = [];
  /** What GitLab says; never, when it is not set. */
  gitlab:
    | ((request: GitlabRequest) => { readonly status: number; readonly chunks: readonly string[] })
    | undefined;
  /** Answers all calls with this. */
  refusal: Refusal | undefined;
  /** Answers each `Connect` with OK at once. */
  hasty = false;
  reuse = false;
  port = 0;
  readonly #server = new Server({
    'grpc-node.max_session_memory': 64,
    'grpc.keepalive_permit_without_calls': 1,
  });
  #configurations: ConfigurationCall[] = [];
  #fluxStreams: ConfigurationCall[] = [];

  static async start(credentials = ServerCredentials.createInsecure()): Promise<FakeKas> {
    const kas = new FakeKas();
    kas.#server.addService(service(), {
      register: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        kas.#register(call, done),
      getConfiguration: (call: ConfigurationCall) => kas.#configure(call),
      connect: (call: ConnectCall) => kas.#connect(call),
      gitlabRequest: (call: ConnectCall) => kas.#askGitlab(call),
      reconcileProjects: (call: ConfigurationCall) => kas.#reconcile(call),
    });
    kas.port = await new Promise<number>((resolve, reject) => {
      kas.#server.bindAsync('127.0.0.1:0', credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return kas;
  }

  /** Tunnels that are open now. */
  get open(): readonly FakeTunnel[] {
    return this.tunnels.filter((tunnel) => !tunnel.closed && !tunnel.halfClosed);
  }

  /** Configuration streams that are open now. */
  get watchers(): number {
    return this.#configurations.length;
  }

  configure(
    commitId: string,
    configuration: {
      agentId?: bigint;
      gitlabExternalUrl?: string;
      level?: LogLevelEnum;
      sections?: Omit<MessageInitShape<typeof AgentConfigurationSchema>, '$typeName'>;
    } = {},
  ): void {
    const message = create(ConfigurationResponseSchema, {
      commitId,
      configuration: {
        ...configuration.sections,
        agentId: configuration.agentId ?? 42n,
        gitlabExternalUrl: configuration.gitlabExternalUrl ?? 'https://gitlab.example.com',
        observability: { logging: { level: configuration.level ?? LogLevelEnum.info } },
      },
    });
    for (const call of this.#configurations)
      call.write(Buffer.from(toBinary(ConfigurationResponseSchema, message)));
  }

  /** Streams of pushes that are open now. */
  get fluxWatchers(): number {
    return this.#fluxStreams.length;
  }

  /** A project was pushed to. */
  push(project: string): void {
    const message = create(ReconcileProjectsResponseSchema, { project: { id: project } });
    for (const call of this.#fluxStreams)
      call.write(Buffer.from(toBinary(ReconcileProjectsResponseSchema, message)));
  }

  endPushes(): void {
    for (const call of this.#fluxStreams) call.end();
  }

  endConfigurations(): void {
    for (const call of this.#configurations) call.end();
  }

  /** GOAWAY to all connections; calls under way go on. */
  goAway(): void {
    this.#server.drain(`127.0.0.1:${this.port}`, 3_600_000);
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #register(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void {
    if (!this.#admit(call.metadata))
      return done({ code: this.refusal?.code ?? status.UNKNOWN, details: this.refusal?.details ?? '' });
    this.registrations.push(fromBinary(RegisterRequestSchema, call.request));
    done(null, Buffer.from(toBinary(RegisterResponseSchema, create(RegisterResponseSchema))));
  }

  #configure(call: ConfigurationCall): void {
    if (!this.#admit(call.metadata)) return void call.emit('error', this.refusal);
    this.configurationRequests.push(fromBinary(ConfigurationRequestSchema, call.request));
    this.#configurations.push(call);
    const gone = () => (this.#configurations = this.#configurations.filter((one) => one !== call));
    call.on('cancelled', gone);
    call.on('close', gone);
    call.on('finish', gone);
    call.on('error', gone);
  }

  #askGitlab(call: ConnectCall): void {
    if (!this.#admit(call.metadata)) return void call.emit('error', this.refusal);
    const messages: HttpRequest[] = [];
    call.on('data', (payload: Buffer) => messages.push(fromBinary(HttpRequestSchema, payload)));
    call.on('error', () => {});
    call.on('end', () => {
      const request = gitlabRequestOf(messages);
      this.gitlabRequests.push(request);
      const answer = this.gitlab?.(request);
      if (answer === undefined) return;
      const send = (message: NonNullable<MessageInitShape<typeof HttpResponseSchema>['message']>) =>
        call.write(Buffer.from(toBinary(HttpResponseSchema, create(HttpResponseSchema, { message }))));
      send({ case: 'header', value: { response: { statusCode: answer.status, status: 'as it is' } } });
      for (const chunk of answer.chunks) send({ case: 'data', value: { data: Buffer.from(chunk) } });
      send({ case: 'trailer', value: {} });
      call.end();
    });
  }

  #reconcile(call: ConfigurationCall): void {
    if (!this.#admit(call.metadata)) return void call.emit('error', this.refusal);
    const { project } = fromBinary(ReconcileProjectsRequestSchema, call.request);
    this.fluxProjects.push(project.map(({ id }) => id));
    this.#fluxStreams.push(call);
    const gone = () => (this.#fluxStreams = this.#fluxStreams.filter((one) => one !== call));
    for (const end of ['cancelled', 'close', 'finish', 'error']) call.on(end, gone);
  }

  #connect(call: ConnectCall): void {
    if (!this.#admit(call.metadata)) return void call.emit('error', this.refusal);
    const tunnel = new FakeTunnel(call, this.reuse);
    this.tunnels.push(tunnel);
    if (this.hasty) tunnel.end();
  }

  #admit(metadata: Metadata): boolean {
    this.authorizations.add(String(metadata.get('authorization')[0]));
    this.userAgents.add(String(metadata.get('user-agent')[0]));
    return this.refusal === undefined;
  }
}

function gitlabRequestOf(messages: readonly HttpRequest[]): GitlabRequest {
  const [first, ...rest] = messages.map(({ message }) => message);
  if (first?.case !== 'header' || rest.at(-1)?.case !== 'trailer') throw new Error('not a whole request');
  const { request, extra, contentLength } = first.value;
  const lists = (map: HttpRequestHead['query'] = {}) =>
    Object.fromEntries(Object.entries(map).map(([name, { value }]) => [name, value]));
  const data = rest.flatMap((message) => (message.case === 'data' ? [Buffer.from(message.value.data)] : []));
  return {
    module: (extra === undefined ? undefined : anyUnpack(extra, GitlabHeaderExtraSchema))?.moduleName ?? '',
    method: request?.method ?? '',
    path: request?.urlPath ?? '',
    query: lists(request?.query),
    headers: lists(request?.header),
    body: Buffer.concat(data).toString(),
    chunks: data.map((chunk) => chunk.length),
    hasLength: contentLength !== undefined,
  };
}

function service(): ServiceDefinition {
  const bytes = (value: Buffer) => value;
  const definition = ({ path, kind }: Method) => ({
    path,
    requestStream: kind === 'bidi_streaming',
    responseStream: kind !== 'unary',
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  });
  return {
    register: definition(methods.register),
    getConfiguration: definition(methods.getConfiguration),
    connect: definition(methods.connect),
    gitlabRequest: definition(methods.gitlabRequest),
    reconcileProjects: definition(methods.reconcileProjects),
  };
}
