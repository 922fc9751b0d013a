/**
 * The kas of the originals as agentk sees it, from `spec/wire.md` alone: how it answers calls, what it compresses, and the
 * messages it sends into tunnels (`§2`, `§4.4`, `§6.1`). It does nothing by itself but answer Register and pings.
 */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Inbox, until } from '../kas/waiting.ts';
import { modulePaths, paths } from './go-agent.ts';
import type { HeaderList } from './hpack.ts';
import { Peer, type PeerStream } from './peer.ts';
import { bytes, Fields, int, message, valuesMap, type Bytes } from './protobuf.ts';

type Values = Readonly<Record<string, readonly string[]>>;

/** Members of ConnectResponse (`§2.7`). */
export const down = {
  requestInfo: (method: string, meta: Values = {}) => bytes(1, message(bytes(1, method), valuesMap(2, meta))),
  message: (data: Bytes) => bytes(2, bytes(1, data)),
  closeSend: () => bytes(3),
} as const;

/** Members of grpctool.HttpRequest (`§2.3`). */
export const httpRequest = {
  header: (
    method: string,
    path: string,
    more: { readonly headers?: Values; readonly query?: Values; readonly contentLength?: number } = {},
  ) =>
    bytes(
      1,
      message(
        bytes(
          1,
          message(
            bytes(1, method),
            valuesMap(2, more.headers ?? {}),
            bytes(3, path),
            valuesMap(4, more.query ?? {}),
          ),
        ),
        int(3, more.contentLength ?? 0),
      ),
    ),
  data: (data: Bytes | string) => bytes(2, bytes(1, data)),
  trailer: () => bytes(3),
  upgradeData: (data: Bytes | string) => bytes(4, bytes(1, data)),
} as const;

export const makeRequest = '/gitlab.agent.kubernetes_api.rpc.KubernetesApi/MakeRequest';

/** A call of agentk; answers are compressed when its messages are, as grpc-go does. */
export class GoCall {
  readonly peer: Peer;
  readonly stream: PeerStream;
  readonly headers: ReadonlyMap<string, string>;
  #answered = false;

  constructor(peer: Peer, stream: PeerStream, headers: ReadonlyMap<string, string>) {
    this.peer = peer;
    this.stream = stream;
    this.headers = headers;
  }

  get compressed(): boolean {
    return this.headers.get('grpc-encoding') === 'gzip';
  }

  async message(): Promise<Buffer> {
    const event = await this.stream.next('message');
    return event.compressed ? gunzipSync(event.payload) : event.payload;
  }

  respond(more: HeaderList = []): this {
    if (this.#answered) return this;
    this.#answered = true;
    const encoding = this.compressed ? [['grpc-encoding', 'gzip'] as const] : [];
    this.stream.headers([[':status', '200'], ['content-type', 'application/grpc'], ...encoding, ...more]);
    return this;
  }

  send(payload: Bytes): this {
    this.respond();
    if (this.compressed) this.stream.send(gzipSync(payload), { compressed: true });
    else this.stream.send(payload);
    return this;
  }

  /** The status: trailers only when nothing was sent before. */
  end(code = 0, text = ''): void {
    const said = text === '' ? [] : [['grpc-message', encodeURIComponent(text)] as const];
    const trailers: HeaderList = [['grpc-status', String(code)], ...said];
    if (this.#answered) this.stream.headers(trailers, true);
    else this.stream.headers([[':status', '200'], ['content-type', 'application/grpc'], ...trailers], true);
  }
}

/** A Connect stream of agentk. */
export class GoTunnelEnd extends GoCall {
  /** The next ConnectRequest; undefined when agentk half-closed. */
  async member(): Promise<Fields | undefined> {
    const event = await this.stream.events.next();
    if (event.kind === 'end') return undefined;
    if (event.kind !== 'message') throw new Error(`expected a message, got ${JSON.stringify(event)}`);
    return new Fields(event.payload);
  }

  /** Sends a whole request without a body. */
  ask(method: string, path: string, headers: Values = {}): this {
    return this.send(down.requestInfo(makeRequest))
      .send(down.message(httpRequest.header(method, path, { headers })))
      .send(down.message(httpRequest.trailer()))
      .send(down.closeSend());
  }

  /** Reads the answer to its half-close, in order: numbers of members, `message` by the number inside. */
  async answer(): Promise<{
    readonly order: readonly string[];
    readonly status: number;
    readonly body: string;
    readonly error: readonly [code: number, text: string] | undefined;
  }> {
    const order: string[] = [];
    let status = 0;
    let body = '';
    let error: readonly [number, string] | undefined;
    for (let member = await this.member(); member !== undefined; member = await this.member()) {
      const [field = 0] = member.order;
      if (field !== 3) order.push(String(field));
      else {
        const http = member.sub(3).sub(1);
        order.push(`3.${http.order[0]}`);
        if (http.has(1)) status = Number(http.sub(1).sub(1).int(1));
        if (http.has(2)) body += http.sub(2).text(1);
      }
      if (field === 5) error = [Number(member.sub(5).sub(1).int(1)), member.sub(5).sub(1).text(2)];
    }
    return { order, status, body, error };
  }
}

export class GoKas {
  readonly connections = new Inbox<Peer>();
  readonly tunnels = new Inbox<GoTunnelEnd>();
  readonly registrations = new Inbox<GoCall>();
  readonly configurations = new Inbox<GoCall>();
  /** Calls of modules. */
  readonly modules: Readonly<Record<keyof typeof modulePaths, Inbox<GoCall>>> = {
    objects: new Inbox(),
    flux: new Inbox(),
    gitlab: new Inbox(),
  };
  /** Answers Register with OK. */
  registers = true;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((socket) => {
      const peer = new Peer(socket, false);
      peer.greet();
      this.connections.push(peer);
      void this.#serve(peer);
    });
  }

  static async start(): Promise<GoKas> {
    const kas = new GoKas();
    await new Promise<void>((resolve) => kas.#server.listen(0, '127.0.0.1', resolve));
    return kas;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get newest(): Peer | undefined {
    return this.connections.all.at(-1);
  }

  /** Waits until all that agentk has sent so far is here: its answer to a ping comes after it. */
  async heard(): Promise<void> {
    for (const peer of this.connections.all) {
      if (peer.isClosed) continue;
      const { length } = peer.pings.all;
      peer.ping();
      await until(() => peer.pings.all.length > length || peer.isClosed);
    }
  }

  stop(): void {
    this.#server.close();
    for (const peer of this.connections.all) peer.close();
  }

  #ofModule(path: string | undefined, call: GoCall): void {
    for (const module of ['objects', 'flux', 'gitlab'] as const)
      if (path === modulePaths[module]) return this.modules[module].push(call);
    call.end(12, `unknown method ${path}`);
  }

  async #serve(peer: Peer): Promise<void> {
    for (;;) {
      const stream = await peer.opened.nextOrEnd();
      if (stream === undefined) return;
      const { headers } = await stream.next('headers');
      const path = headers.get(':path');
      if (path === paths.connect) this.tunnels.push(new GoTunnelEnd(peer, stream, headers));
      else if (path === paths.configuration) this.configurations.push(new GoCall(peer, stream, headers));
      else if (path === paths.register) {
        const call = new GoCall(peer, stream, headers);
        if (this.registers) call.send(Buffer.alloc(0)).end();
        this.registrations.push(call);
      } else this.#ofModule(path, new GoCall(peer, stream, headers));
    }
  }
}
