/**
 * One end of a simulated TCP connection: a stream that programs take for a `net.Socket`. What it sends and reads goes through
 * the two lanes of its connection.
 *
 * K1. A program that destroys its socket over unread bytes resets the connection; else its end follows what it wrote.
 * K2. Bytes for a socket that was destroyed are answered with a reset, as long as its place has power.
 * K3. Bytes leave the lane when the program reads: a program that does not holds the writer back.
 */
import { Duplex } from 'node:stream';
import type { TimerHandle } from '../../ports/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { Lane, LaneReader } from './lane.ts';

/** Linux's `tcp_keepalive_time`. */
const keepAliveDefaultMs = 7_200_000;

export interface SocketOptions {
  readonly kernel: Kernel;
  /** For traces. */
  readonly name: string;
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly allowHalfOpen: boolean;
  /** Not connected yet: what is written waits. */
  readonly connecting: boolean;
}

/** The connection, as one end of it needs it. */
export interface SocketWires {
  readonly out: Lane;
  readonly back: Lane;
  /** Tells the other end that this one is gone (K1). */
  reset(): void;
  /** Answers bytes that nobody takes any more (K2). */
  refuse(): void;
  /** This end is closed. */
  closed(): void;
  /** TCP's keepalive is on: a silent peer is asked after this. */
  keepAlive(idleMs: number): void;
}

export class SimulatedSocket extends Duplex implements LaneReader {
  readonly simulatedName: string;
  connecting: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteFamily = 'IPv4';
  readonly localAddress: string;
  readonly localPort: number;
  bytesRead = 0;
  bytesWritten = 0;
  timeout: number | undefined;
  readonly #kernel: Kernel;
  readonly #unread: Buffer[] = [];
  readonly #early: { readonly chunk: Buffer; readonly done: (error?: Error | null) => void }[] = [];
  #wires: SocketWires | undefined;
  #wantsMore = false;
  #peerEnded = false;
  #keepAliveMs = 0;
  #timer: TimerHandle;

  constructor(options: SocketOptions) {
    super({ allowHalfOpen: options.allowHalfOpen });
    this.#kernel = options.kernel;
    this.simulatedName = options.name;
    this.connecting = options.connecting;
    this.localAddress = options.local;
    this.localPort = options.localPort;
    this.remoteAddress = options.remote;
    this.remotePort = options.remotePort;
  }

  get pending(): boolean {
    return this.connecting;
  }

  /** Bytes came that the program has not read. */
  get hasUnread(): boolean {
    return this.#unread.length > 0;
  }

  /** The connection is made: what was written meanwhile goes. */
  join(wires: SocketWires): void {
    this.#wires = wires;
    this.connecting = false;
    if (this.#keepAliveMs > 0) wires.keepAlive(this.#keepAliveMs);
    for (const { chunk, done } of this.#early.splice(0)) this._write(chunk, 'buffer', done);
  }

  /** From here on nothing reaches the other end or comes from it; the program hears nothing either. */
  unplug(): void {
    this.#wires = undefined;
  }

  arrived(bytes: Buffer): void {
    if (this.destroyed) return this.#wires?.refuse(); // K2
    this.#touch();
    this.#unread.push(bytes);
    this.#hand();
  }

  ended(): void {
    if (this.destroyed) return;
    this.#peerEnded = true;
    this.#hand();
  }

  override _read(): void {
    this.#wantsMore = true;
    this.#hand();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.connecting) return void this.#early.push({ chunk, done });
    this.#touch();
    this.bytesWritten += chunk.length;
    if (this.#wires === undefined) return done();
    this.#wires.out.write(Buffer.from(chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.connecting) return void this.once('connect', () => this._final(done));
    this.#wires?.out.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#kernel.cancel(this.#timer);
    for (const early of this.#early.splice(0)) early.done(error);
    const wires = this.#wires;
    if (wires !== undefined) {
      const isRude = this.hasUnread;
      this.#unread.length = 0;
      if (isRude) wires.reset(); // K1
      else if (!this.writableFinished) wires.out.end();
      wires.closed();
    }
    done(error);
  }

  setTimeout(ms: number, listener?: () => void): this {
    this.timeout = ms;
    if (listener !== undefined) {
      if (ms === 0) this.off('timeout', listener);
      else this.once('timeout', listener);
    }
    this.#touch();
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(enable = false, initialDelayMs = 0): this {
    this.#keepAliveMs = enable ? initialDelayMs || keepAliveDefaultMs : 0;
    if (this.#keepAliveMs > 0) this.#wires?.keepAlive(this.#keepAliveMs);
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  address(): { readonly address: string; readonly port: number; readonly family: string } {
    return { address: this.localAddress, port: this.localPort, family: 'IPv4' };
  }

  resetAndDestroy(): this {
    this.#wires?.reset();
    return this.destroy();
  }

  #hand(): void {
    while (this.#wantsMore) {
      const bytes = this.#unread.shift();
      if (bytes === undefined) break;
      this.bytesRead += bytes.length;
      this.#wantsMore = this.push(bytes);
      this.#wires?.back.consumed(bytes.length); // K3
    }
    if (!this.#peerEnded || this.#unread.length > 0) return;
    this.#peerEnded = false;
    this.push(null);
  }

  #touch(): void {
    this.#kernel.cancel(this.#timer);
    this.#timer =
      this.timeout === undefined || this.timeout === 0 || this.destroyed
        ? undefined
        : this.#kernel.at(this.timeout, () => this.emit('timeout'));
  }
}
