/**
 * An agentk made of grpc-js and generated code alone, driven by hand: it shares no line with our own gRPC layer, our
 * envelope codec or our agentk.
 */
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import {
  ConfigurationRequestSchema,
  ConfigurationResponseSchema,
  ConnectRequestSchema,
  ConnectResponseSchema,
  GitlabHeaderExtraSchema,
  HttpRequestSchema,
  HttpResponseSchema,
  ObjectsToSynchronizeRequestSchema,
  ObjectsToSynchronizeResponseSchema,
  ReconcileProjectsRequestSchema,
  ReconcileProjectsResponseSchema,
  RegisterRequestSchema,
  RegisterResponseSchema,
  ReportRequestSchema,
  ReportResponseSchema,
  type ConfigurationResponse,
  type ConnectRequest,
  type ConnectResponse,
  type HttpRequest,
  type ObjectsToSynchronizeResponse,
  type HttpResponse,
  type ReconcileProjectsResponse,
} from '../../src/protocol/index.ts';
import { Inbox } from './waiting.ts';

const paths = {
  connect: '/gitlab.agent.reverse_tunnel.rpc.ReverseTunnel/Connect',
  configuration: '/gitlab.agent.agent_configuration.rpc.AgentConfiguration/GetConfiguration',
  manifests: '/gitlab.agent.gitops.rpc.Gitops/GetObjectsToSynchronize',
  report: '/kastor.report.SyncReports/Report',
  register: '/gitlab.agent.agent_registrar.rpc.AgentRegistrar/Register',
  reconcile: '/gitlab.agent.flux.rpc.GitLabFlux/ReconcileProjects',
  gitlab: '/gitlab.agent.gitlab_access.rpc.GitlabAccess/MakeRequest',
} as const;

const service = 'gitlab.agent.kubernetes_api.rpc.KubernetesApi';

const write =
  <S extends DescMessage>(schema: S) =>
  (message: MessageShape<S>) =>
    Buffer.from(toBinary(schema, message));
const read =
  <S extends DescMessage>(schema: S) =>
  (bytes: Buffer) =>
    fromBinary(schema, bytes);

export interface Status {
  readonly code: number;
  readonly details: string;
}

/** A call that streams answers, its end included. */
export class Answers<T> {
  readonly inbox = new Inbox<T>();
  readonly status: Promise<Status>;
  headers: grpc.Metadata | undefined;
  ended: Status | undefined;
  readonly #call: { cancel(): void };

  constructor(call: grpc.ClientReadableStream<T> | grpc.ClientDuplexStream<never, T>) {
    this.#call = call;
    call.on('metadata', (headers: grpc.Metadata) => (this.headers = headers));
    call.on('data', (message: T) => this.inbox.push(message));
    call.on('error', () => {});
    this.status = new Promise((resolve) =>
      call.on('status', ({ code, details }: grpc.StatusObject) => {
        this.ended = { code, details };
        this.inbox.close();
        resolve(this.ended);
      }),
    );
  }

  cancel(): void {
    this.#call.cancel();
  }
}

type Up = Parameters<typeof create<typeof ConnectRequestSchema>>[1];
type Answer = Exclude<Parameters<typeof create<typeof HttpResponseSchema>>[1], undefined>;

/** One Connect stream. */
export class FakeTunnel extends Answers<ConnectResponse> {
  readonly #stream: grpc.ClientDuplexStream<ConnectRequest, ConnectResponse>;

  constructor(stream: grpc.ClientDuplexStream<ConnectRequest, ConnectResponse>) {
    super(stream);
    this.#stream = stream;
  }

  send(message: Up): void {
    this.#stream.write(create(ConnectRequestSchema, message));
  }

  describe(
    methodsByService: Readonly<Record<string, readonly string[]>> = { [service]: ['MakeRequest'] },
  ): this {
    const services = Object.entries(methodsByService).map(([name, methods]) => ({
      name,
      methods: methods.map((method) => ({ name: method })),
    }));
    this.send({ msg: { case: 'descriptor', value: { agentDescriptor: { services } } } });
    return this;
  }

  /** The next piece of HTTP of the request; undefined for close_send. */
  async http(): Promise<HttpRequest['message'] | undefined> {
    const { msg } = await this.inbox.next();
    if (msg.case === 'closeSend') return undefined;
    if (msg.case !== 'message') throw new Error(`expected a message, got ${msg.case}`);
    return fromBinary(HttpRequestSchema, msg.value.data).message;
  }

  /** Reads a whole request: what it is about, its head and its body. */
  async request() {
    const { headers, head } = await this.requestHead();
    const chunks: Uint8Array[] = [];
    for (let piece = await this.http(); piece !== undefined; piece = await this.http()) {
      if (piece.case === 'data') chunks.push(piece.value.data);
      else if (piece.case !== 'trailer') throw new Error(`unexpected ${piece.case}`);
    }
    return { headers, head, body: Buffer.concat(chunks) };
  }

  async requestHead() {
    const { msg } = await this.inbox.next();
    if (msg.case !== 'requestInfo') throw new Error(`expected request_info, got ${msg.case}`);
    const first = await this.http();
    if (first?.case !== 'header') throw new Error(`expected a header, got ${first?.case}`);
    const head = first.value;
    const headers = new Map(
      Object.entries(head.request?.header ?? {}).map(([name, { value }]) => [name, value] as const),
    );
    return { info: msg.value, head, headers };
  }

  answer(message: Answer['message']): void {
    const data = toBinary(
      HttpResponseSchema,
      create(HttpResponseSchema, { message: message ?? { case: undefined } }),
    );
    this.send({ msg: { case: 'message', value: { data } } });
  }

  respondHead(statusCode = 200, headers: Readonly<Record<string, readonly string[]>> = {}): void {
    this.send({ msg: { case: 'header', value: {} } });
    const header = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, { value: [...value] }]),
    );
    this.answer({ case: 'header', value: { response: { statusCode, status: String(statusCode), header } } });
  }

  respondBody(text: string): void {
    this.answer({ case: 'data', value: { data: Buffer.from(text) } });
  }

  respondEnd(): void {
    this.answer({ case: 'trailer', value: {} });
    this.send({ msg: { case: 'trailer', value: {} } });
  }

  /** A whole answer, and the end of the stream as the originals end it. */
  respond(body = '', statusCode = 200, headers: Readonly<Record<string, readonly string[]>> = {}): void {
    this.respondHead(statusCode, headers);
    if (body !== '') this.respondBody(body);
    this.respondEnd();
    this.halfClose();
  }

  halfClose(): void {
    this.#stream.end();
  }
}

/** What an agent asks for of a manifest project. */
export interface ManifestsRequest {
  readonly project: string;
  readonly paths: readonly { readonly kind: 'glob' | 'file'; readonly value: string }[];
  readonly commitId?: string;
  readonly ref?: { readonly kind: 'tag' | 'branch' | 'commit'; readonly value: string };
}
export type ManifestStream = Answers<ObjectsToSynchronizeResponse>;
type ModuleMessage = Exclude<Parameters<typeof create<typeof HttpRequestSchema>>[1], undefined>['message'];

/** One GitlabAccess/MakeRequest stream. */
export class FakeModuleRequest extends Answers<HttpResponse> {
  readonly stream: grpc.ClientDuplexStream<HttpRequest, HttpResponse>;

  constructor(stream: grpc.ClientDuplexStream<HttpRequest, HttpResponse>) {
    super(stream);
    this.stream = stream;
  }

  send(message: ModuleMessage): this {
    this.stream.write(create(HttpRequestSchema, message === undefined ? {} : { message }));
    return this;
  }

  head(
    moduleName: string | undefined,
    request: { readonly method?: string; readonly urlPath?: string } & Readonly<Record<string, unknown>> = {},
    contentLength?: bigint,
  ): this {
    const extra =
      moduleName === undefined
        ? {}
        : { extra: anyPack(GitlabHeaderExtraSchema, create(GitlabHeaderExtraSchema, { moduleName })) };
    const length = contentLength === undefined ? {} : { contentLength };
    return this.send({
      case: 'header',
      value: { request: { method: 'POST', urlPath: '/', ...request }, ...extra, ...length },
    });
  }

  data(text: string): this {
    return this.send({ case: 'data', value: { data: Buffer.from(text) } });
  }

  end(): this {
    this.send({ case: 'trailer', value: {} });
    this.stream.end();
    return this;
  }

  /** The whole answer, when the call has ended. */
  async answer() {
    const end = await this.status;
    const pieces = this.inbox.all.map(({ message }) => message);
    const [first] = pieces;
    const head = first?.case === 'header' ? first.value.response : undefined;
    const body = Buffer.concat(pieces.map((one) => (one.case === 'data' ? one.value.data : Buffer.alloc(0))));
    return { end, head, body, order: pieces.map((one) => one.case) };
  }
}

export class FakeAgent {
  readonly #client: grpc.Client;
  readonly #calls: { cancel(): void }[] = [];
  readonly #token: string | undefined;

  constructor(
    port: number,
    token: string | undefined,
    options: grpc.ClientOptions = {},
    credentials = grpc.credentials.createInsecure(),
  ) {
    this.#client = new grpc.Client(`127.0.0.1:${port}`, credentials, {
      // Each agent has a connection of its own, as each pod has.
      'grpc.use_local_subchannel_pool': 1,
      ...options,
    });
    this.#token = token;
  }

  metadata(token = this.#token): grpc.Metadata {
    const metadata = new grpc.Metadata();
    if (token !== undefined) metadata.set('authorization', token.includes(' ') ? token : `Bearer ${token}`);
    return metadata;
  }

  connect(options: { readonly reuse?: boolean; readonly metadata?: grpc.Metadata } = {}): FakeTunnel {
    const metadata = options.metadata ?? this.metadata();
    if (options.reuse === true) metadata.set('kastor-tunnel-reuse', '1');
    const tunnel = new FakeTunnel(
      this.#client.makeBidiStreamRequest(
        paths.connect,
        write(ConnectRequestSchema),
        read(ConnectResponseSchema),
        metadata,
      ),
    );
    this.#calls.push(tunnel);
    return tunnel;
  }

  configuration(commitId = '', metadata = this.metadata()): Answers<ConfigurationResponse> {
    const answers = new Answers(
      this.#client.makeServerStreamRequest(
        paths.configuration,
        write(ConfigurationRequestSchema),
        read(ConfigurationResponseSchema),
        create(ConfigurationRequestSchema, { commitId, skipRegister: true }),
        metadata,
      ),
    );
    this.#calls.push(answers);
    return answers;
  }

  manifests({ project, paths: wanted, commitId = '', ref }: ManifestsRequest): ManifestStream {
    const request = create(ObjectsToSynchronizeRequestSchema, {
      projectId: project,
      commitId,
      paths: wanted.map(({ kind, value }) => ({ path: { case: kind, value } })),
      ...(ref === undefined ? {} : { ref: { ref: { case: ref.kind, value: ref.value } } }),
    });
    const answers = new Answers(
      this.#client.makeServerStreamRequest(
        paths.manifests,
        write(ObjectsToSynchronizeRequestSchema),
        read(ObjectsToSynchronizeResponseSchema),
        request,
        this.metadata(),
      ),
    );
    this.#calls.push(answers);
    return answers;
  }

  register(
    podId = 1n,
    podName = 'pod',
    metadata = this.metadata(),
    version = 'v1',
    gitVersion = '',
  ): Promise<Status> {
    const agentMeta = { podName, version, kubernetesVersion: { gitVersion } };
    const request = create(RegisterRequestSchema, { podId, agentMeta });
    return new Promise((resolve) =>
      this.#client.makeUnaryRequest(
        paths.register,
        write(RegisterRequestSchema),
        read(RegisterResponseSchema),
        request,
        metadata,
        (error) =>
          resolve(error === null ? { code: 0, details: '' } : { code: error.code, details: error.details }),
      ),
    );
  }

  /** Tells of manifest projects: our own extension. */
  report(message: MessageInitShape<typeof ReportRequestSchema>): Promise<Status> {
    return new Promise((resolve) =>
      this.#client.makeUnaryRequest(
        paths.report,
        write(ReportRequestSchema),
        read(ReportResponseSchema),
        create(ReportRequestSchema, message),
        this.metadata(),
        (error) =>
          resolve(error === null ? { code: 0, details: '' } : { code: error.code, details: error.details }),
      ),
    );
  }

  /** Asks to hear of pushes to projects, for Flux. */
  reconcileProjects(
    projects: readonly string[],
    metadata = this.metadata(),
  ): Answers<ReconcileProjectsResponse> {
    const answers = new Answers(
      this.#client.makeServerStreamRequest(
        paths.reconcile,
        write(ReconcileProjectsRequestSchema),
        read(ReconcileProjectsResponseSchema),
        create(ReconcileProjectsRequestSchema, { project: projects.map((id) => ({ id })) }),
        metadata,
      ),
    );
    this.#calls.push(answers);
    return answers;
  }

  /** A request of a module to GitLab. */
  gitlab(metadata = this.metadata()): FakeModuleRequest {
    const request = new FakeModuleRequest(
      this.#client.makeBidiStreamRequest(
        paths.gitlab,
        write(HttpRequestSchema),
        read(HttpResponseSchema),
        metadata,
      ),
    );
    this.#calls.push(request);
    return request;
  }

  /** Ends everything it has open. */
  close(): void {
    for (const call of this.#calls) call.cancel();
    this.#client.close();
  }
}
