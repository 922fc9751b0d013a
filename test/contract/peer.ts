/**
 * One end of an HTTP/2 connection, made of a socket and frames: it sends what a test tells it, also what no good peer would,
 * and keeps all it hears. It acknowledges settings and pings unless told not to, and gives the other end all the window
 * there is, so flow control never decides a test.
 */
import { connect, type Socket } from 'node:net';
import { Inbox } from '../kas/waiting.ts';
import {
  flag,
  FrameReader,
  frameType,
  preface,
  settingsPayload,
  uint32,
  writeFrame,
  type Frame,
} from './frames.ts';
import { encodeHeaders, HeaderDecoder, type HeaderList } from './hpack.ts';

/** What a stream heard, in order. */
export type StreamEvent =
  | { readonly kind: 'headers'; readonly headers: ReadonlyMap<string, string>; readonly list: HeaderList }
  | { readonly kind: 'message'; readonly compressed: boolean; readonly payload: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset'; readonly code: number }
  | { readonly kind: 'lost' };

export interface GoAway {
  readonly code: number;
  readonly lastStream: number;
  readonly text: string;
}

/** A gRPC message as DATA carries it: flag, length, payload. */
export function grpcMessage(payload: Buffer, compressed = false): Buffer {
  return Buffer.concat([Buffer.from([compressed ? 1 : 0]), uint32(payload.length), payload]);
}

export class PeerStream {
  readonly id: number;
  readonly events = new Inbox<StreamEvent>();
  readonly #peer: Peer;
  #held: Buffer = Buffer.alloc(0);

  constructor(peer: Peer, id: number) {
    this.#peer = peer;
    this.id = id;
  }

  headers(headers: HeaderList, end = false): this {
    const flags = flag.endHeaders | (end ? flag.endStream : 0);
    this.#peer.write(writeFrame(frameType.headers, flags, this.id, encodeHeaders(headers)));
    return this;
  }

  /** DATA frames of at most 16 KiB. */
  data(bytes: Buffer, end = false): this {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length || at === 0; at += 16_384) {
      const last = at + 16_384 >= bytes.length;
      const payload = bytes.subarray(at, at + 16_384);
      pieces.push(writeFrame(frameType.data, last && end ? flag.endStream : 0, this.id, payload));
    }
    this.#peer.write(Buffer.concat(pieces));
    return this;
  }

  send(payload: Buffer, options: { readonly end?: boolean; readonly compressed?: boolean } = {}): this {
    return this.data(grpcMessage(payload, options.compressed), options.end);
  }

  end(): this {
    return this.data(Buffer.alloc(0), true);
  }

  reset(code: number): this {
    this.#peer.write(writeFrame(frameType.rstStream, 0, this.id, uint32(code)));
    return this;
  }

  async next<K extends StreamEvent['kind']>(kind: K): Promise<Extract<StreamEvent, { kind: K }>> {
    const event = await this.events.next();
    if (event.kind !== kind) throw new Error(`expected ${kind}, got ${show(event)}`);
    return event as Extract<StreamEvent, { kind: K }>;
  }

  /** The next message; headers before it are skipped. */
  async message(): Promise<Buffer> {
    for (;;) {
      const event = await this.events.next();
      if (event.kind === 'message') return event.payload;
      if (event.kind !== 'headers') throw new Error(`expected a message, got ${show(event)}`);
    }
  }

  /** Reads to the trailers; answers them and how many header blocks there were. */
  async trailers(): Promise<{ readonly trailers: ReadonlyMap<string, string>; readonly blocks: number }> {
    let trailers: ReadonlyMap<string, string> = new Map();
    for (let blocks = 0; ;) {
      const event = await this.events.next();
      if (event.kind === 'headers') {
        trailers = event.headers;
        blocks += 1;
      } else if (event.kind === 'end') return { trailers, blocks };
      else if (event.kind !== 'message') throw new Error(`expected trailers, got ${show(event)}`);
    }
  }

  heard(data: Buffer): void {
    this.#held = Buffer.concat([this.#held, data]);
    while (this.#held.length >= 5) {
      const end = 5 + this.#held.readUInt32BE(1);
      if (this.#held.length < end) return;
      this.events.push({
        kind: 'message',
        compressed: this.#held.readUInt8(0) === 1,
        payload: this.#held.subarray(5, end),
      });
      this.#held = this.#held.subarray(end);
    }
  }
}

export class Peer {
  readonly socket: Socket;
  readonly streams = new Map<number, PeerStream>();
  /** Streams the other end opened. */
  readonly opened = new Inbox<PeerStream>();
  readonly goAways = new Inbox<GoAway>();
  readonly pings = new Inbox<Buffer>();
  readonly settings = new Inbox<ReadonlyMap<number, number>>();
  readonly closed: Promise<void>;
  isClosed = false;
  answersPings = true;
  /** Told of each ping of the other end. */
  onPing: () => void = () => {};
  #greeted = false;
  readonly #client: boolean;
  readonly #reader = new FrameReader();
  readonly #decoder = new HeaderDecoder();
  #blocks: Buffer[] = [];
  #prefaceLeft: number;
  #nextStream: number;

  constructor(socket: Socket, client: boolean) {
    this.socket = socket;
    this.#client = client;
    this.#prefaceLeft = client ? 0 : preface.length;
    this.#nextStream = client ? 1 : 2;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#heard(chunk));
    this.closed = new Promise((resolve) => socket.once('close', () => (this.#lost(), resolve())));
  }

  /** A client on a new connection; it says its preface unless told not to. */
  static async dial(port: number, options: { readonly silent?: boolean } = {}): Promise<Peer> {
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const peer = new Peer(socket, true);
    if (options.silent !== true) peer.greet();
    return peer;
  }

  /** Preface (client), settings, and all the window there is. */
  greet(settings: Readonly<Record<number, number>> = { 4: 0x7fffffff }): void {
    this.#greeted = true;
    this.write(
      Buffer.concat([
        this.#client ? preface : Buffer.alloc(0),
        writeFrame(frameType.settings, 0, 0, settingsPayload(settings)),
        writeFrame(frameType.windowUpdate, 0, 0, uint32(0x7fffffff - 65_535)),
      ]),
    );
  }

  write(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  open(headers: HeaderList, end = false): PeerStream {
    const stream = this.#stream(this.#nextStream);
    this.#nextStream += 2;
    return stream.headers(headers, end);
  }

  ping(): void {
    this.write(writeFrame(frameType.ping, 0, 0, Buffer.alloc(8)));
  }

  /** A client takes no streams, so its last one is 0. */
  goAway(code = 0, lastStream = this.#client ? 0 : 0x7fffffff, text = ''): void {
    const payload = Buffer.concat([uint32(lastStream), uint32(code), Buffer.from(text)]);
    this.write(writeFrame(frameType.goAway, 0, 0, payload));
  }

  close(): void {
    this.socket.destroy();
  }

  #stream(id: number): PeerStream {
    let stream = this.streams.get(id);
    if (stream === undefined) this.streams.set(id, (stream = new PeerStream(this, id)));
    return stream;
  }

  #heard(chunk: Buffer): void {
    const skipped = Math.min(this.#prefaceLeft, chunk.length);
    this.#prefaceLeft -= skipped;
    for (const frame of this.#reader.push(chunk.subarray(skipped))) this.#frame(frame);
  }

  #frame({ type, flags, stream: id, payload }: Frame): void {
    switch (type) {
      case frameType.data:
        this.#stream(id).heard(payload);
        if (payload.length > 0) {
          const credit = uint32(payload.length);
          this.write(writeFrame(frameType.windowUpdate, 0, 0, credit));
        }
        if (flags & flag.endStream) this.#stream(id).events.push({ kind: 'end' });
        break;
      case frameType.headers:
      case frameType.continuation: {
        const isNew = !this.streams.has(id);
        this.#blocks.push(payload);
        if (!(flags & flag.endHeaders)) break;
        const list = this.#decoder.decode(Buffer.concat(this.#blocks));
        this.#blocks = [];
        const stream = this.#stream(id);
        stream.events.push({ kind: 'headers', headers: new Map(list), list });
        if (flags & flag.endStream) stream.events.push({ kind: 'end' });
        if (isNew) this.opened.push(stream);
        break;
      }
      case frameType.rstStream:
        this.#stream(id).events.push({ kind: 'reset', code: payload.readUInt32BE() });
        break;
      case frameType.settings: {
        if (flags & flag.ack) break;
        const settings = new Map<number, number>();
        for (let at = 0; at < payload.length; at += 6)
          settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
        this.settings.push(settings);
        if (this.#greeted) this.write(writeFrame(frameType.settings, flag.ack, 0));
        break;
      }
      case frameType.ping:
        if (flags & flag.ack) this.pings.push(payload);
        else {
          this.onPing();
          if (this.answersPings) this.write(writeFrame(frameType.ping, flag.ack, 0, payload));
        }
        break;
      case frameType.goAway:
        this.goAways.push({
          lastStream: payload.readUInt32BE(),
          code: payload.readUInt32BE(4),
          text: payload.toString('latin1', 8),
        });
        break;
      default:
    }
  }

  #lost(): void {
    this.isClosed = true;
    for (const stream of this.streams.values()) {
      stream.events.push({ kind: 'lost' });
      stream.events.close();
    }
    for (const inbox of [this.opened, this.goAways, this.pings, this.settings]) inbox.close();
  }
}

function show(event: StreamEvent): string {
  if (event.kind === 'headers') return `headers ${JSON.stringify([...event.headers])}`;
  if (event.kind === 'message') return `message ${event.payload.toString('hex').slice(0, 200)}`;
  return JSON.stringify(event);
}
