/**
 * A stream of a simulated HTTP/2 session with the manners of node:http2 that the gRPC layer lives with: when it flows, when
 * it ends, and that it is not closed while somebody has left data unread.
 *
 * H1. 'close' comes once and last; after it nothing.
 * H2. A stream that was closed with unread data closes when the data was read or dropped.
 */
import { EventEmitter } from 'node:events';
import {
  headersObject,
  rawHeaders,
  type GivenHeaders,
  type Http2Frame,
  type RawHeaders,
} from './http2-frame.ts';

const endStreamFlag = 1;
const endHeadersFlag = 4;
export const resetCodes = { none: 0, internal: 2, refused: 7, cancel: 8 } as const;

/** What a stream needs of its session. */
export interface StreamHome {
  readonly isServer: boolean;
  readonly destroyed: boolean;
  send(frame: Http2Frame): void;
  streamOver(stream: SimulatedStream): void;
  /** A closing session ends with its last stream. */
  mayEnd(): void;
}

type Listener = (...args: never[]) => void;

export class SimulatedStream extends EventEmitter {
  readonly id: number | undefined;
  readonly session: StreamHome;
  closed = false;
  destroyed = false;
  rstCode = 0;
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  readableEnded = false;
  readableLength = 0;
  /** The gRPC layer takes the place of this when a reset must not be preceded by an orderly end. */
  _final: ((callback: () => void) => void) | undefined;
  readonly #unread: Buffer[] = [];
  #flowing: boolean | undefined;
  #peerEnded = false;
  #sentEnd = false;
  #waitsForTrailers = false;
  #heard = false;
  #finishing = false;

  constructor(session: StreamHome, id: number | undefined) {
    super();
    this.session = session;
    this.id = id;
  }

  override on(event: string | symbol, listener: Listener): this {
    super.on(event, listener as (...args: unknown[]) => void);
    if (event === 'data' && this.#flowing === undefined) this.resume();
    return this;
  }

  cork(): void {}
  uncork(): void {}

  pause(): this {
    this.#flowing = false;
    return this;
  }

  resume(): this {
    if (this.#flowing === true) return this;
    this.#flowing = true;
    process.nextTick(() => this.#flow());
    return this;
  }

  write(chunk: Buffer): boolean {
    if (this.closed || this.writableEnded) return false;
    if (!this.headersSent && this.session.isServer) this.respond({});
    this.#send({ kind: 'data', id: this.id ?? 0, chunk, end: false });
    return true;
  }

  end(): this {
    if (this.closed || this.writableEnded) return this;
    this.writableEnded = true;
    if (this.#waitsForTrailers) process.nextTick(() => this.#askForTrailers());
    else this.#sendEnd();
    return this;
  }

  /** Server: the first header block. */
  respond(
    headers: GivenHeaders,
    options: { readonly endStream?: boolean; readonly waitForTrailers?: boolean } = {},
  ): void {
    if (this.closed || this.headersSent) return;
    this.headersSent = true;
    this.#waitsForTrailers = options.waitForTrailers === true;
    const end = options.endStream === true;
    this.#send({ kind: 'headers', id: this.id ?? 0, headers: rawHeaders(headers), end });
    if (end) this.#ourEnd();
  }

  sendTrailers(headers: GivenHeaders): void {
    if (this.closed || this.#sentEnd) return;
    this.#send({ kind: 'headers', id: this.id ?? 0, headers: rawHeaders(headers), end: true });
    this.#ourEnd();
  }

  close(code: number = resetCodes.none): void {
    if (this.closed) return;
    this.closed = true;
    this.rstCode = code;
    if (!this.writableEnded && !Object.hasOwn(this, '_final')) this.#send(endOf(this.id));
    this.writableEnded = true;
    if (!this.#peerEnded || !this.#sentEnd) this.#send({ kind: 'reset', id: this.id ?? 0, code });
    this.#cutShort();
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    if (!this.closed && !this.session.destroyed) {
      const code = error === undefined ? resetCodes.cancel : resetCodes.internal;
      this.#send({ kind: 'reset', id: this.id ?? 0, code });
      this.rstCode = code;
    }
    this.die(error);
    return this;
  }

  /** For the session: a header block came. */
  headersCame(raw: RawHeaders, end: boolean): void {
    if (this.destroyed) return;
    const flags = endHeadersFlag | (end ? endStreamFlag : 0);
    const first = !this.#heard;
    this.#heard = true;
    this.emit(first ? 'response' : 'trailers', headersObject(raw), flags, raw);
    if (end) this.peerEnds();
  }

  /** For the session. */
  dataCame(chunk: Buffer | undefined, end: boolean): void {
    if (this.destroyed || this.#peerEnded) return;
    if (chunk !== undefined) {
      if (this.#flowing === true && this.#unread.length === 0) this.emit('data', chunk);
      else {
        this.#unread.push(chunk);
        this.readableLength += chunk.length;
      }
    }
    if (end) this.peerEnds();
  }

  /** For the session: END_STREAM came. */
  peerEnds(): void {
    this.#peerEnded = true;
    process.nextTick(() => this.#readOn());
  }

  /** For the session: RST_STREAM came, or stands for one. */
  resetCame(code: number): void {
    if (this.closed) return;
    this.closed = true;
    this.rstCode = code;
    this.writableEnded = true;
    this.#cutShort();
    if (this.session.isServer && this.#flowing === undefined) this.resume();
  }

  /** For the session: it is gone, and the stream with it. */
  die(error?: Error, code: number = this.rstCode): void {
    if (this.destroyed) return;
    this.rstCode = code;
    this.destroyed = true;
    const whole = this.#peerEnded && this.#sentEnd;
    this.closed = true;
    this.#unread.length = 0;
    this.session.streamOver(this);
    if (!whole) this.emit('aborted');
    process.nextTick(() => {
      if (error !== undefined) this.emit('error', error);
      this.emit('close'); // H1
    });
  }

  #askForTrailers(): void {
    if (!this.destroyed && !this.closed) this.emit('wantTrailers');
  }

  #sendEnd(): void {
    this.#send(endOf(this.id));
    this.#ourEnd();
  }

  #ourEnd(): void {
    this.#sentEnd = true;
    this.writableEnded = true;
    this.writableFinished = true;
    this.#finishIfWhole();
  }

  #send(frame: Http2Frame): void {
    this.session.send(frame);
  }

  /** Closed before both sides had ended. */
  #cutShort(): void {
    if (!this.#peerEnded || !this.#sentEnd) this.emit('aborted');
    this.#peerEnded = true;
    this.#sentEnd = true;
    process.nextTick(() => this.#readOn());
  }

  #flow(): void {
    while (this.#flowing === true && !this.destroyed) {
      const chunk = this.#unread.shift();
      if (chunk === undefined) break;
      this.readableLength -= chunk.length;
      this.emit('data', chunk);
    }
    this.#readOn();
  }

  /** H2. */
  #readOn(): void {
    if (!this.#peerEnded || this.#unread.length > 0 || this.destroyed) return;
    if (!this.readableEnded) {
      if (this.closed) this.destroyed = true; // a stream that was cut says 'end' only when destroyed
      this.readableEnded = true;
      this.emit('end');
    }
    this.#finishIfWhole();
  }

  #finishIfWhole(): void {
    if (!this.#sentEnd || !this.readableEnded || this.#finishing) return;
    this.#finishing = true;
    this.closed = true;
    this.session.streamOver(this);
    process.nextTick(() => {
      this.destroyed = true;
      this.emit('close'); // H1
      this.session.mayEnd();
    });
  }
}

function endOf(id: number | undefined): Http2Frame {
  return { kind: 'data', id: id ?? 0, chunk: undefined, end: true };
}
