/**
 * A kas that does what a model says, good and bad, made of frames (`test/contract`): it shares nothing with `src`. It
 * writes down all that agentk does, connection by connection and call by call.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { paths } from '../contract/go-agent.ts';
import { down, GoCall, httpRequest, makeRequest } from '../contract/go-kas.ts';
import { Peer, type PeerStream } from '../contract/peer.ts';
import { Fields } from '../contract/protobuf.ts';
import { until } from '../kas/waiting.ts';

export type Rpc = keyof typeof paths;
const rpcOf = (path: string | undefined) =>
  (Object.keys(paths) as Rpc[]).find((rpc) => paths[rpc] === path) ?? 'other';

/** How kas treats new connections. */
export type Mood = 'good' | 'mute' | 'slamming';

/** What agentk answered to a request, as far as it has come. */
export interface Answer {
  status: number;
  body: string;
  ended: boolean;
}

/** One call of agentk. */
export class KasCall {
  readonly rpc: Rpc | 'other';
  readonly headers: ReadonlyMap<string, string>;
  readonly messages: Buffer[] = [];
  /** agentk closed, reset or lost it. */
  gone = false;
  /** kas ended it. */
  ended = false;
  /** What was asked through it. */
  answer: Answer | undefined;
  readonly connection: KasConnection;
  readonly #call: GoCall;

  constructor(connection: KasConnection, stream: PeerStream, headers: ReadonlyMap<string, string>) {
    this.connection = connection;
    this.headers = headers;
    this.rpc = rpcOf(headers.get(':path'));
    this.#call = new GoCall(connection.peer, stream, headers);
    void this.#read(stream);
  }

  /** A tunnel whose descriptor came and which nobody uses. */
  get idle(): boolean {
    return this.open && this.rpc === 'connect' && this.messages.length > 0 && this.answer === undefined;
  }

  get open(): boolean {
    return !this.gone && !this.ended && !this.connection.peer.isClosed;
  }

  ask(path: string): Answer {
    const answer: Answer = { status: 0, body: '', ended: false };
    this.answer = answer;
    this.messages.length = 0;
    this.#call
      .send(down.requestInfo(makeRequest))
      .send(down.message(httpRequest.header('GET', path)))
      .send(down.message(httpRequest.trailer()))
      .send(down.closeSend());
    return answer;
  }

  send(payload: Buffer): void {
    this.#call.send(payload);
  }

  end(code = 0, text = ''): void {
    if (!this.open) return;
    this.ended = true;
    this.#call.end(code, text);
  }

  cancel(): void {
    this.ended = true;
    this.#call.stream.reset(8);
  }

  async #read(stream: PeerStream): Promise<void> {
    for (;;) {
      const event = await stream.events.nextOrEnd();
      if (event === undefined || event.kind === 'lost' || event.kind === 'reset') break;
      if (event.kind === 'message') {
        this.messages.push(event.compressed ? gunzipSync(event.payload) : event.payload);
        if (this.answer !== undefined) this.#answered(new Fields(event.payload));
      }
      if (event.kind === 'end' && this.answer !== undefined) {
        this.answer.ended = true;
        this.end();
      } else if (event.kind === 'end' && this.rpc === 'connect') break;
    }
    this.gone = true;
  }

  #answered(member: Fields): void {
    if (this.answer === undefined || member.order[0] !== 3) return;
    const http = member.sub(3).sub(1);
    if (http.has(1)) this.answer.status = Number(http.sub(1).sub(1).int(1));
    if (http.has(2)) this.answer.body += http.sub(2).text(1);
  }
}

export interface KasConnection {
  readonly peer: Peer;
  readonly mood: Mood;
  readonly calls: KasCall[];
  wentAway: boolean;
}

export class ScriptedKas {
  mood: Mood = 'good';
  /** Calls are answered with this. */
  refusal: { readonly code: number; readonly text: string } | undefined;
  /** So many calls of Register fail before one succeeds. */
  registrationsToFail = 0;
  readonly connections: KasConnection[] = [];
  #server: Server | undefined;
  #port = 0;

  get port(): number {
    return this.#port;
  }

  /** The newest connection that is to take new calls. */
  get current(): KasConnection | undefined {
    return this.connections.findLast(({ peer, wentAway }) => !peer.isClosed && !wentAway);
  }

  get calls(): readonly KasCall[] {
    return this.connections.flatMap(({ calls }) => calls);
  }

  get idle(): readonly KasCall[] {
    return this.calls.filter(({ idle }) => idle);
  }

  /** On the port it had before, when it had one. */
  async listen(): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) =>
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve),
    );
    this.#port = (server.address() as AddressInfo).port;
  }

  hangUp(): void {
    for (const { peer } of this.connections) peer.close();
  }

  async leave(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.hangUp();
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  }

  goAway(): void {
    const { current } = this;
    if (current === undefined) return;
    current.wentAway = true;
    current.peer.goAway();
  }

  /** Ends what nobody uses on connections that went away, as kas does when they are old. */
  expire(): void {
    for (const call of this.calls) if (call.connection.wentAway && call.answer === undefined) call.end();
  }

  refuse(code: number, text: string): void {
    this.refusal = { code, text };
    for (const call of this.calls) call.end(code, text);
  }

  /** Waits until all that agentk has sent so far is here: its answer to a ping comes after it. */
  async heard(): Promise<void> {
    for (const { peer, mood } of this.connections) {
      if (peer.isClosed || mood !== 'good' || !peer.answersPings) continue;
      const { length } = peer.pings.all;
      peer.ping();
      await until(() => peer.pings.all.length > length || peer.isClosed);
    }
  }

  #accept(socket: Socket): void {
    const { mood } = this;
    const peer = new Peer(socket, false);
    const connection: KasConnection = { peer, mood, calls: [], wentAway: false };
    this.connections.push(connection);
    if (mood === 'slamming') return void socket.destroy();
    if (mood === 'mute') return;
    peer.greet();
    void this.#serve(connection);
  }

  async #serve(connection: KasConnection): Promise<void> {
    for (;;) {
      const stream = await connection.peer.opened.nextOrEnd();
      if (stream === undefined) return;
      const event = await stream.events.nextOrEnd();
      if (event?.kind !== 'headers') continue;
      const call = new KasCall(connection, stream, event.headers);
      connection.calls.push(call);
      if (this.refusal !== undefined) call.end(this.refusal.code, this.refusal.text);
      else if (call.rpc === 'other') call.end(12, 'unknown method');
      else if (call.rpc === 'register') this.#register(call);
    }
  }

  #register(call: KasCall): void {
    if (this.registrationsToFail > 0) {
      this.registrationsToFail -= 1;
      return call.end(13, 'internal');
    }
    call.send(Buffer.alloc(0));
    call.end();
  }
}
