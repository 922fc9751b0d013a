/**
 * Node's network, time and chance, borrowed for a simulation: programs go on calling `net.connect`, `server.listen`,
 * `setTimeout`, `Date` and `Math.random`, and reach the simulated ones. For a process of its own: whatever runs in it is
 * simulated from the borrowing on, until it is given back.
 *
 * B1. `setImmediate`, promises and `process.nextTick` stay Node's: they know no time.
 * B2. What was borrowed comes back, all of it.
 * B3. Answers over HTTP/2 carry no `date`: Node takes it from the machine's own clock, and header compression would show
 *     whether two answers fell into one second of it.
 */
import http2, { type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import type { NetConnectOpts, Server } from 'node:net';
import process from 'node:process';
import type { Kernel, SeededRandom } from '../kernel/index.ts';
import type { SimulatedNetwork } from './network.ts';

/** Borrows; answers the way back (B2). */
export function borrowNode(kernel: Kernel, network: SimulatedNetwork): () => void {
  const back = [
    borrowNet(network),
    borrowDates(),
    borrowTime(kernel),
    borrowChance(kernel.random.fork('Math.random')),
  ];
  return () => {
    for (const giveBack of back.reverse()) giveBack();
  };
}

function borrowNet(network: SimulatedNetwork): () => void {
  const { connect, createConnection } = net;
  const listen = Object.getOwnPropertyDescriptor(net.Server.prototype, 'listen')?.value as unknown;
  const dial = (options: NetConnectOpts | number, ...more: unknown[]) => {
    const listener = more.find((one) => typeof one === 'function');
    const given = typeof options === 'number' ? { port: options, host: String(more[0]) } : options;
    if (!('port' in given)) throw new Error('the simulation has no socket paths');
    if (!network.knows(given.host ?? ''))
      throw new Error(`the simulation knows no ${given.host}:${given.port}`);
    const socket = network.connect(given);
    if (listener !== undefined) socket.once('connect', listener as () => void);
    return socket;
  };
  const listenAt = function listenAt(
    this: Server,
    options: { host?: string; port?: number },
    bound?: () => void,
  ) {
    const { host = '', port = 0 } = options;
    try {
      network.listen(this, host, port);
    } catch (error) {
      queueMicrotask(() => this.emit('error', error));
      return this;
    }
    (this as unknown as { _handle: unknown })._handle = handleOf(this, network, host, port);
    if (bound !== undefined) this.once('listening', bound);
    queueMicrotask(() => this.emit('listening'));
    return this;
  };
  Object.assign(net, { connect: dial, createConnection: dial });
  Object.assign(net.Server.prototype, { listen: listenAt });
  syncBuiltinESMExports();
  return () => {
    Object.assign(net, { connect, createConnection });
    Object.assign(net.Server.prototype, { listen });
    syncBuiltinESMExports();
  };
}

/** B3. */
function borrowDates(): () => void {
  const { createServer } = http2;
  const undated = (...given: unknown[]) => {
    const server = Reflect.apply(createServer, http2, given) as Http2Server;
    server.prependListener('stream', (stream: ServerHttp2Stream) => {
      const respond = stream.respond.bind(stream);
      const without = { sendDate: false };
      stream.respond = (headers, options) => respond(headers, { ...options, ...without }); // not in its types
    });
    return server;
  };
  Object.assign(http2, { createServer: undated });
  syncBuiltinESMExports();
  return () => {
    Object.assign(http2, { createServer });
    syncBuiltinESMExports();
  };
}

/** What a `net.Server` wants to have of its listening socket. */
function handleOf(server: Server, network: SimulatedNetwork, address: string, port: number): unknown {
  return {
    close: () => network.unlisten(server),
    getsockname: (out: object) => {
      Object.assign(out, { address, port, family: 'IPv4' });
      return 0;
    },
    ref: () => {},
    unref: () => {},
  };
}

/** Whose time it is. Libraries keep timers for longer than one simulation lasts, and start them again in the next. */
let timekeeper: Kernel | undefined;

/** A timer as Node's: with `refresh`, `ref`, `unref`, and good for any `clear`. */
class SimulatedTimer {
  readonly #run: () => void;
  readonly #ms: number;
  readonly #repeats: boolean;
  #armed: { readonly kernel: Kernel; readonly step: unknown } | undefined;

  constructor(run: () => void, ms: number, repeats: boolean) {
    this.#run = run;
    this.#ms = Math.max(1, Number.isFinite(ms) ? ms : 1);
    this.#repeats = repeats;
    this.#arm();
  }

  clear(): void {
    this.#armed?.kernel.cancel(this.#armed.step);
    this.#armed = undefined;
  }

  refresh(): this {
    this.clear();
    this.#arm();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  close(): this {
    this.clear();
    return this;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #arm(): void {
    const kernel = timekeeper;
    if (kernel === undefined) return;
    const step = kernel.at(this.#ms, () => {
      if (this.#repeats) this.#arm();
      this.#run();
    });
    this.#armed = { kernel, step };
  }
}

type Callback = (...args: unknown[]) => void;

function borrowTime(kernel: Kernel): () => void {
  const { setTimeout, clearTimeout, setInterval, clearInterval, Date: RealDate } = globalThis;
  const now = performance.now.bind(performance);
  const { hrtime } = process;
  timekeeper = kernel;
  const timer =
    (repeats: boolean) =>
    (run: Callback, ms?: number, ...args: unknown[]) =>
      new SimulatedTimer(() => run(...args), ms ?? 1, repeats);
  const clear = (one: unknown) => {
    if (one instanceof SimulatedTimer) one.clear();
    else clearTimeout(one as NodeJS.Timeout);
  };
  class SimulatedDate extends RealDate {
    constructor(...args: readonly unknown[]) {
      super(...((args.length === 0 ? [kernel.clock.now()] : args) as [number]));
    }

    static override now(): number {
      return kernel.clock.now();
    }
  }
  const nanoseconds = () => BigInt(Math.floor(kernel.nowMs * 1e6));
  const simulatedHrtime = (since: readonly [number, number] = [0, 0]): [number, number] => {
    const passed = nanoseconds() - BigInt(since[0]) * 1_000_000_000n - BigInt(since[1]);
    return [Number(passed / 1_000_000_000n), Number(passed % 1_000_000_000n)];
  };
  Object.assign(globalThis, {
    setTimeout: timer(false),
    setInterval: timer(true),
    clearTimeout: clear,
    clearInterval: clear,
    Date: SimulatedDate,
  });
  performance.now = () => kernel.nowMs;
  process.hrtime = Object.assign(simulatedHrtime, { bigint: nanoseconds });
  return () => {
    timekeeper = undefined;
    Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval, Date: RealDate });
    performance.now = now;
    process.hrtime = hrtime;
  };
}

function borrowChance(random: SeededRandom): () => void {
  const real = Math.random;
  Math.random = () => random.next();
  return () => {
    Math.random = real;
  };
}
