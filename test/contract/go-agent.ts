/**
 * The agentk of the originals as kas sees it, from `spec/wire.md` alone: which headers its calls carry, what it compresses, and
 * the messages of its tunnels byte by byte (`§2`, `§4.4`, `§5.1`, `§6.1`).
 */
import { gzipSync } from 'node:zlib';
import type { HeaderList } from './hpack.ts';
import { Peer, type PeerStream } from './peer.ts';
import { bytes, Fields, int, message, valuesMap, type Bytes } from './protobuf.ts';

export const paths = {
  connect: '/gitlab.agent.reverse_tunnel.rpc.ReverseTunnel/Connect',
  configuration: '/gitlab.agent.agent_configuration.rpc.AgentConfiguration/GetConfiguration',
  register: '/gitlab.agent.agent_registrar.rpc.AgentRegistrar/Register',
} as const;

/** What modules call; not every generation knows them. */
export const modulePaths = {
  objects: '/gitlab.agent.gitops.rpc.Gitops/GetObjectsToSynchronize',
  flux: '/gitlab.agent.flux.rpc.GitLabFlux/ReconcileProjects',
  gitlab: '/gitlab.agent.gitlab_access.rpc.GitlabAccess/MakeRequest',
} as const;

export const kubernetesApi = 'gitlab.agent.kubernetes_api.rpc.KubernetesApi';

export interface Generation {
  readonly userAgent: string;
  readonly acceptsGzip: boolean;
  /** Says `skip_register` and calls Register. */
  readonly registers: boolean;
}

export const generations = {
  v16: {
    userAgent: 'gitlab-agent/v16.5.0/0123abc grpc-go/1.58.3',
    acceptsGzip: true,
    registers: true,
  },
  v14: { userAgent: 'agentk/v14.1.1/0123abc grpc-go/1.39.0', acceptsGzip: false, registers: false },
} as const satisfies Readonly<Record<string, Generation>>;

type Values = Readonly<Record<string, readonly string[]>>;

/** Members of ConnectRequest (`§2.7`). */
export const up = {
  descriptor: (
    services: Readonly<Record<string, readonly string[]>> = { [kubernetesApi]: ['MakeRequest'] },
  ) =>
    bytes(
      1,
      bytes(
        1,
        message(
          ...Object.entries(services).map(([name, methods]) =>
            bytes(1, message(bytes(1, name), ...methods.map((method) => bytes(2, bytes(1, method))))),
          ),
        ),
      ),
    ),
  header: (meta: Values = {}) => bytes(2, valuesMap(1, meta)),
  message: (data: Bytes) => bytes(3, bytes(1, data)),
  trailer: (meta: Values = {}) => bytes(4, valuesMap(1, meta)),
  error: (code: number, text: string) => bytes(5, bytes(1, message(int(1, code), bytes(2, text)))),
} as const;

/** Members of grpctool.HttpResponse (`§2.3`). */
export const httpResponse = {
  header: (status: number, headers: Values = {}) =>
    bytes(1, bytes(1, message(int(1, status), bytes(2, `${status} Status`), valuesMap(3, headers)))),
  data: (data: Bytes | string) => bytes(2, bytes(1, data)),
  trailer: () => bytes(3),
  upgradeData: (data: Bytes | string) => bytes(4, bytes(1, data)),
} as const;

/** One Connect stream. */
/** What was compressed already: an agent says the same things over and over, and zlib's state is a quarter of a megabyte each time. */
const zips = new Map<string, Buffer>();

function zipped(message: Buffer): Buffer {
  const key = message.toString('latin1');
  let zip = zips.get(key);
  if (zip === undefined) zips.set(key, (zip = gzipSync(message)));
  if (zips.size > 100) zips.clear();
  return zip;
}

export class GoTunnel {
  readonly stream: PeerStream;

  constructor(stream: PeerStream) {
    this.stream = stream;
  }

  /** Sends a ConnectRequest, compressed as the original compresses everything. */
  send(member: Bytes, end = false): this {
    this.stream.send(zipped(member), { compressed: true, end });
    return this;
  }

  /** The next ConnectResponse. */
  async response(): Promise<Fields> {
    return new Fields(await this.stream.message());
  }

  async requestInfo(): Promise<{ readonly method: string; readonly meta: Record<string, string[]> }> {
    const info = (await this.response()).sub(1);
    return { method: info.text(1), meta: info.map(2) };
  }

  /** The next HttpRequest; undefined for close_send. */
  async http(): Promise<Fields | undefined> {
    const response = await this.response();
    if (response.has(3)) return undefined;
    if (!response.has(2)) throw new Error(`expected a message, got fields ${response.order.join()}`);
    return new Fields(response.sub(2).bytes(1));
  }

  /** Reads a plain request: what it asks for, and its body. */
  async request(): Promise<{ readonly head: Fields; readonly body: string }> {
    await this.requestInfo();
    let head: Fields | undefined;
    let body = '';
    for (let piece = await this.http(); piece !== undefined; piece = await this.http()) {
      if (piece.has(1)) head = piece.sub(1);
      if (piece.has(2)) body += piece.sub(2).text(1);
    }
    if (head === undefined) throw new Error('a request without a header');
    return { head, body };
  }

  /** A whole answer, in the order and with the ends of the original. */
  respond(body = '', status = 200): void {
    this.send(up.header({ 'content-type': ['application/grpc+proto'] }));
    this.send(up.message(httpResponse.header(status, { 'Content-Type': ['text/plain'] })));
    if (body !== '') this.send(up.message(httpResponse.data(body)));
    this.send(up.message(httpResponse.trailer()));
    this.send(up.trailer(), true);
  }
}

export class GoAgent {
  readonly peer: Peer;
  readonly token: string;
  readonly generation: Generation;

  constructor(peer: Peer, token: string, generation: Generation = generations.v16) {
    this.peer = peer;
    this.token = token;
    this.generation = generation;
  }

  static async dial(port: number, token: string, generation?: Generation): Promise<GoAgent> {
    return new GoAgent(await Peer.dial(port), token, generation);
  }

  /** The headers of a call; `more` replaces those of the same name, undefined leaves one out. */
  headers(path: string, more: Readonly<Record<string, string | undefined>> = {}): HeaderList {
    const { userAgent, acceptsGzip } = this.generation;
    const all: Record<string, string | undefined> = {
      ':method': 'POST',
      ':scheme': 'http',
      ':path': path,
      ':authority': 'kas.example.com:8150',
      'content-type': 'application/grpc',
      'user-agent': userAgent,
      te: 'trailers',
      'grpc-encoding': 'gzip',
      'grpc-accept-encoding': acceptsGzip ? 'gzip' : undefined,
      authorization: `Bearer ${this.token}`,
      ...more,
    };
    return Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
  }

  call(path: string, more?: Readonly<Record<string, string | undefined>>): PeerStream {
    return this.peer.open(this.headers(path, more));
  }

  connect(more?: Readonly<Record<string, string | undefined>>): GoTunnel {
    return new GoTunnel(this.call(paths.connect, more)).send(up.descriptor());
  }

  /** GetConfiguration: {1 commit_id, 2 agent_meta, 3 skip_register}. */
  configuration(commitId = '', more?: Readonly<Record<string, string | undefined>>): PeerStream {
    const request = message(
      bytes(1, commitId),
      bytes(2, agentMeta()),
      this.generation.registers ? int(3, 1) : Buffer.alloc(0),
    );
    return this.call(paths.configuration, more).send(gzipSync(request), { compressed: true, end: true });
  }

  /** Register: {1 agent_meta, 2 pod_id}. */
  register(podId: bigint = 4_611_686_018_427_387_905n): PeerStream {
    const request = message(bytes(1, agentMeta()), int(2, podId));
    return this.call(paths.register).send(gzipSync(request), { compressed: true, end: true });
  }

  close(): void {
    this.peer.close();
  }
}

/** entity.AgentMeta (`§2.4`). */
function agentMeta(): Bytes {
  return message(bytes(1, 'v16.5.0'), bytes(2, '0123abc'), bytes(3, 'gitlab-agent'), bytes(4, 'agentk-0'));
}

/** The status of trailers: code and percent-decoded text. */
export function statusOf(trailers: ReadonlyMap<string, string>): readonly [code: number, text: string] {
  const code = Number(trailers.get('grpc-status') ?? Number.NaN);
  return [code, decodeURIComponent(trailers.get('grpc-message') ?? '')];
}

/** The end of a call that must come without messages left to read. */
export async function statusAtEnd(stream: PeerStream): Promise<readonly [code: number, text: string]> {
  return statusOf((await stream.trailers()).trailers);
}
