/** An agent made of frames (`test/contract`) and a user, as a play needs them: all they heard can be looked at, at any time. */
import { gunzipSync } from 'node:zlib';
import { request as httpRequest, type Dispatcher } from 'undici';
import { type GoAgent, type GoTunnel, httpResponse, up } from '../contract/go-agent.ts';
import type { PeerStream, StreamEvent } from '../contract/peer.ts';
import { Fields } from '../contract/protobuf.ts';

const contentOf = (event: Extract<StreamEvent, { kind: 'message' }>) =>
  event.compressed ? gunzipSync(event.payload) : event.payload;

/** Messages so far. */
export function messagesOn(stream: PeerStream): Buffer[] {
  return stream.events.all.flatMap((event) => (event.kind === 'message' ? [contentOf(event)] : []));
}

/** How a stream ended: its gRPC status, or what cut it. */
export function endOf(stream: PeerStream): number | 'reset' | 'lost' | undefined {
  for (const event of stream.events.all) {
    if (event.kind === 'reset' || event.kind === 'lost') return event.kind;
    if (event.kind === 'headers' && event.headers.has('grpc-status'))
      return Number(event.headers.get('grpc-status'));
  }
  return undefined;
}

/** A Connect stream that waits for one request, or for one after the other. */
export class PlayedTunnel {
  readonly stream: PeerStream;
  readonly #tunnel: GoTunnel;
  #served = 0;

  constructor(tunnel: GoTunnel) {
    this.#tunnel = tunnel;
    this.stream = tunnel.stream;
  }

  /** Members of the request under way. */
  get #request(): Fields[] {
    return messagesOn(this.stream)
      .map((payload) => new Fields(payload))
      .slice(this.#served);
  }

  get asked(): boolean {
    return this.#request.some((member) => member.has(3));
  }

  get path(): string {
    const head = this.#request.find((member) => member.has(2));
    return head === undefined ? '' : new Fields(head.sub(2).bytes(1)).sub(1).sub(1).text(3);
  }

  answer(body: string): void {
    this.#tunnel.respond(body);
  }

  /** The whole answer, and the stream for the next request. */
  answerAndOffer(body: string): void {
    this.#served = messagesOn(this.stream).length;
    this.#tunnel
      .send(up.header({ 'content-type': ['application/grpc+proto'] }))
      .send(up.message(httpResponse.header(200, { 'Content-Type': ['text/plain'] })))
      .send(up.message(httpResponse.data(body)))
      .send(up.message(httpResponse.trailer()))
      .send(up.trailer())
      .send(up.descriptor());
  }

  fail(): void {
    this.#tunnel.send(up.error(13, 'the API server burns'), true);
  }
}

export class PlayedAgent {
  readonly agent: GoAgent;
  readonly configuration: PeerStream;
  readonly registration: PeerStream;
  readonly tunnels: PlayedTunnel[] = [];

  constructor(agent: GoAgent) {
    this.agent = agent;
    this.registration = agent.register();
    this.configuration = agent.configuration();
  }

  /** Old agents do not speak of reuse. */
  offer(reuse: boolean): PlayedTunnel {
    const tunnel = new PlayedTunnel(this.agent.connect(reuse ? { 'kastor-tunnel-reuse': '1' } : {}));
    this.tunnels.push(tunnel);
    return tunnel;
  }

  get streams(): readonly PeerStream[] {
    return [this.configuration, ...this.tunnels.map(({ stream }) => stream)];
  }
}

/** A user's request through kas. */
export class PlayedRequest {
  answer: { readonly status: number; readonly body: string } | undefined;
  readonly #leave = new AbortController();

  constructor(url: string, headers: Readonly<Record<string, string>>, dispatcher: Dispatcher) {
    void httpRequest(url, { headers, dispatcher, signal: this.#leave.signal })
      .then(async ({ statusCode, body }) => {
        const text = await body.text().catch(() => 'cut');
        this.answer = { status: text === 'cut' ? 502 : statusCode, body: text };
      })
      .catch(() => (this.answer = { status: 0, body: '' }));
  }

  leave(): void {
    this.#leave.abort();
  }
}
