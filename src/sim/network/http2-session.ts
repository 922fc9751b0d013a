/**
 * A simulated HTTP/2 session: what the product uses of node:http2's, on a simulated connection. Frames, windows and header
 * compression are not simulated; the order of what happens, and which end knows what when, is.
 *
 * S1. 'close' comes once, after the 'close' of every stream.
 * S2. A session that was told to go away, or closes, opens no more streams, answers no more of its own pings, and ends with
 *     its last stream. Streams that crossed the GOAWAY were never seen by the other end.
 */
import { EventEmitter } from 'node:events';
import type { Endpoint } from './endpoint.ts';
import { headersObject, rawHeaders, type GivenHeaders, type Http2Frame } from './http2-frame.ts';
import { resetCodes, SimulatedStream, type StreamHome } from './http2-stream.ts';
import type { SimulatedNetwork } from './network.ts';

type PingDone = (error: Error | null) => void;

export class SimulatedSession extends EventEmitter implements StreamHome {
  readonly isServer: boolean;
  readonly connecting = false;
  closed = false;
  destroyed = false;
  readonly socket: { readonly remoteAddress: string; readonly remotePort: number };
  readonly endpoint: Endpoint<Http2Frame>;
  readonly #network: SimulatedNetwork<Http2Frame>;
  readonly #streams = new Map<number, SimulatedStream>();
  readonly #pings = new Map<number, PingDone>();
  #pinged = 0;
  #nextId = 1;
  /** The newest stream of the client this end has seen. */
  #newest = 0;
  #sentAway = false;

  constructor(network: SimulatedNetwork<Http2Frame>, endpoint: Endpoint<Http2Frame>, isServer: boolean) {
    super();
    this.#network = network;
    this.isServer = isServer;
    this.endpoint = endpoint;
    this.socket = { remoteAddress: endpoint.peerHost, remotePort: Number(endpoint.id) };
    endpoint.user = {
      received: (frames) => this.#received(frames),
      closed: (how) => this.#carrierClosed(how),
    };
    this.settings({});
  }

  /** Streams that are not over. */
  get streams(): number {
    return this.#streams.size;
  }

  setLocalWindowSize(): void {}

  send(frame: Http2Frame): void {
    if (!this.destroyed) this.endpoint.send(frame);
  }

  request(headers: GivenHeaders): SimulatedStream {
    if (this.closed || this.destroyed) return this.#stillborn();
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SimulatedStream(this, id);
    this.#streams.set(id, stream);
    this.send({ kind: 'headers', id, headers: rawHeaders(headers), end: false });
    return stream;
  }

  settings(_settings: object, taken: PingDone = () => {}): void {
    const number = ++this.#pinged;
    this.#pings.set(number, taken);
    this.send({ kind: 'settings', number });
  }

  ping(done: PingDone): boolean {
    if (this.closed || this.destroyed) {
      process.nextTick(() => done(new Error('HTTP2 ping cancelled'))); // S2
      return false;
    }
    const number = ++this.#pinged;
    this.#pings.set(number, done);
    this.send({ kind: 'ping', number });
    return true;
  }

  goaway(code: number = resetCodes.none, _last?: number, data?: Buffer): void {
    this.#sentAway = true;
    this.send({ kind: 'goaway', code, last: this.#newest, data });
  }

  close(): void {
    if (this.closed || this.destroyed) return;
    this.closed = true;
    this.goaway();
    this.mayEnd();
  }

  destroy(error?: Error, code: number = resetCodes.none): void {
    if (this.destroyed) return;
    this.goaway(code);
    this.endpoint.close();
    this.#end(error, error === undefined ? resetCodes.none : resetCodes.internal);
  }

  streamOver(stream: SimulatedStream): void {
    if (stream.id !== undefined) this.#streams.delete(stream.id);
  }

  /** S2. */
  mayEnd(): void {
    if (this.closed && this.#streams.size === 0) this.destroy();
  }

  #received(frames: readonly Http2Frame[]): void {
    for (const frame of frames) {
      if (this.destroyed) return;
      this.#take(frame);
    }
  }

  #take(frame: Http2Frame): void {
    switch (frame.kind) {
      case 'settings':
        this.send({ kind: 'settings-taken', number: frame.number });
        return void this.emit('remoteSettings', {});
      case 'ping':
        this.send({ kind: 'pong', number: frame.number });
        return void this.emit('ping', Buffer.alloc(8));
      case 'settings-taken':
      case 'pong': {
        const done = this.#pings.get(frame.number);
        this.#pings.delete(frame.number);
        return done?.(null);
      }
      case 'goaway':
        return this.#wasSentAway(frame);
      case 'headers': {
        const known = this.#streams.get(frame.id);
        if (known !== undefined) return known.headersCame(frame.headers, frame.end);
        return this.isServer && frame.id > this.#newest ? this.#opened(frame) : undefined;
      }
      case 'data':
        return this.#streams.get(frame.id)?.dataCame(frame.chunk, frame.end);
      case 'reset':
        return this.#streams.get(frame.id)?.resetCame(frame.code);
    }
  }

  #opened({ id, headers }: Extract<Http2Frame, { kind: 'headers' }>): void {
    if (this.#sentAway) return; // S2
    this.#newest = id;
    const stream = new SimulatedStream(this, id);
    this.#streams.set(id, stream);
    this.emit('stream', stream, headersObject(headers), 4, [...headers]);
  }

  #wasSentAway({ code, last, data }: Extract<Http2Frame, { kind: 'goaway' }>): void {
    if (!this.isServer) {
      for (const [id, stream] of this.#streams) if (id > last) stream.resetCame(resetCodes.refused); // S2
    }
    this.emit('goaway', code, last, data);
    if (code === resetCodes.none) this.close();
    else this.#failed(new Error(`Session closed with error code ${code}`), code);
  }

  #failed(error: Error, code: number): void {
    this.endpoint.close();
    this.#end(error, code);
  }

  #carrierClosed(how: 'ended' | 'reset'): void {
    if (how === 'ended') return this.#end(undefined, resetCodes.cancel);
    this.#end(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), resetCodes.internal);
  }

  #end(error: Error | undefined, code: number): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.closed = true;
    for (const stream of this.#streams.values()) stream.die(error, code);
    for (const done of this.#pings.values()) process.nextTick(() => done(new Error('HTTP2 ping cancelled')));
    this.#pings.clear();
    this.#network.kernel.at(0, () => {
      if (error !== undefined) this.emit('error', error);
      this.emit('close'); // S1
    });
  }

  /** What a request on a session that takes none becomes. */
  #stillborn(): SimulatedStream {
    const stream = new SimulatedStream(this, undefined);
    stream.closed = true;
    stream.destroyed = true;
    stream.rstCode = resetCodes.internal;
    process.nextTick(() => {
      stream.emit('aborted');
      stream.emit('error', new Error('New streams cannot be created after receiving a GOAWAY'));
      stream.emit('close');
    });
    return stream;
  }
}
