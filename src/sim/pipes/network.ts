/**
 * The simulated network: places where programs run, names by which one place dials another, and the connections between them.
 * A name belongs to the place that uses it (`dial.from`), so that each pair of places has a path of its own to be troubled.
 *
 * W1. A connect to a place without power, or over a cut path, is not answered; to one where nobody listens it is refused.
 * W2. What belongs to a program that ended (`kill`) can neither dial nor listen any more, whatever the program still tries.
 */
import type { Server, TcpNetConnectOpts } from 'node:net';
import type { Kernel, SeededRandom } from '../kernel/index.ts';
import { Connection, errno, type Changes } from './connection.ts';
import { connectMsMax, firstEphemeralPort, retransmitMs } from './limits.ts';
import { Path, type PathQuality } from './path.ts';
import { SimulatedSocket } from './simulated-socket.ts';

/** A place in one life of its program. */
export interface Place {
  readonly name: string;
  hasPower: boolean;
  isAlive: boolean;
}

interface Dial {
  readonly from: Place;
  readonly to: () => Place;
  readonly path: Path;
}

interface Listening {
  readonly place: Place;
  readonly server: Server;
}

export class SimulatedNetwork {
  /** Asked for each new connection: what its bytes are changed into. */
  changes: (path: Path) => Changes = () => ({});
  readonly #kernel: Kernel;
  readonly #random: SeededRandom;
  readonly #dials = new Map<string, Dial>();
  readonly #listening = new Map<string, Listening>();
  readonly #places = new Map<string, Place>();
  readonly #connections = new Map<Connection, { readonly dialled: Place; readonly accepted: Place }>();
  #made = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#random = kernel.random.fork('network');
  }

  /** Connections that are not over. */
  get connections(): readonly Connection[] {
    return [...this.#connections.keys()];
  }

  get listeners(): readonly string[] {
    return [...this.#listening.keys()];
  }

  connectionsOf(path: Path): readonly Connection[] {
    return this.connections.filter((connection) => connection.path === path);
  }

  /** A program begins its life at this place. */
  start(name: string): Place {
    const place: Place = { name, hasPower: true, isAlive: true };
    this.#places.set(name, place);
    for (const [connection, ends] of this.#connections) {
      for (const end of ['dialled', 'accepted'] as const) if (ends[end].name === name) connection.light(end);
    }
    return place;
  }

  /** The program at this place ends at once (W2). */
  kill(place: Place, how: 'power' | 'process'): void {
    place.isAlive = false;
    place.hasPower = how === 'process';
    for (const [name, { place: at }] of this.#listening) if (at === place) this.#listening.delete(name);
    for (const [connection, ends] of this.#connections) {
      for (const end of ['dialled', 'accepted'] as const) {
        if (ends[end] !== place) continue;
        const word = this.#random.chance(0.5) ? 'fin' : 'reset';
        connection.kill(end, how === 'power' ? 'power' : word);
      }
    }
  }

  makePath(name: string, quality: PathQuality): Path {
    return new Path(name, quality);
  }

  /** From now on `from` reaches the place of this name by dialling `name`. */
  route(name: string, from: Place, to: string, path: Path): void {
    const nobody: Place = { name: to, hasPower: true, isAlive: false };
    this.#dials.set(name, { from, to: () => this.#places.get(to) ?? nobody, path });
  }

  /** Whether names are ours: what else is dialled is a mistake of the simulation. */
  knows(host: string): boolean {
    return this.#dials.has(host);
  }

  /** `host` is the place's name. Throws when the place has no program, or somebody listens there. */
  listen(server: Server, host: string, port: number): void {
    const place = this.#places.get(host);
    const key = `${host}:${port}`;
    if (place === undefined || !place.isAlive) throw errno('EADDRNOTAVAIL', 'listen');
    if (this.#listening.has(key)) throw errno('EADDRINUSE', 'listen');
    this.#listening.set(key, { place, server });
  }

  unlisten(server: Server): void {
    for (const [key, listening] of this.#listening)
      if (listening.server === server) this.#listening.delete(key);
  }

  /** With the options of `net.connect`. */
  connect(options: TcpNetConnectOpts): SimulatedSocket {
    const { host = 'localhost', port, allowHalfOpen = false, keepAlive, keepAliveInitialDelay } = options;
    const dial = this.#dials.get(host);
    const number = ++this.#made;
    const socket = new SimulatedSocket({
      kernel: this.#kernel,
      name: `${host}#${number}`,
      local: dial?.from.name ?? host,
      localPort: firstEphemeralPort + (number % firstEphemeralPort),
      remote: host,
      remotePort: port,
      allowHalfOpen,
      connecting: true,
    });
    if (keepAlive === true) socket.setKeepAlive(true, keepAliveInitialDelay);
    this.#kernel.log(`${socket.simulatedName} dials`);
    if (dial === undefined || !dial.from.isAlive) {
      this.#kernel.at(0, () => void socket.destroy(errno('ENETUNREACH', 'connect'))); // W2
      return socket;
    }
    const limit = this.#kernel.at(connectMsMax, () => void socket.destroy(errno('ETIMEDOUT', 'connect')));
    socket.once('close', () => this.#kernel.cancel(limit));
    socket.once('connect', () => this.#kernel.cancel(limit));
    this.#knock(socket, dial, port);
    return socket;
  }

  /** SYN, and the answer to it; either is repeated while its direction is cut (W1). */
  #knock(socket: SimulatedSocket, dial: Dial, port: number): void {
    const { path, from } = dial;
    const { latencyMs, jitterMs } = path.quality;
    this.#travel(path, 'out', latencyMs + this.#random.next() * jitterMs, () => {
      const to = dial.to();
      if (!to.hasPower || socket.destroyed) return;
      const listening = this.#listening.get(`${to.name}:${port}`);
      if (listening === undefined) {
        this.#travel(path, 'back', latencyMs, () => {
          this.#kernel.log(`${socket.simulatedName} refused`);
          socket.destroy(errno('ECONNREFUSED', 'connect'));
        });
        return;
      }
      this.#travel(path, 'back', latencyMs, () => {
        if (!socket.destroyed && from.isAlive && this.#listening.get(`${to.name}:${port}`) === listening) {
          this.#establish(socket, dial, listening, port);
        } else socket.destroy(errno('ECONNRESET', 'connect'));
      });
    });
  }

  #establish(
    socket: SimulatedSocket,
    { from, path }: Dial,
    { place, server }: Listening,
    port: number,
  ): void {
    const accepted = new SimulatedSocket({
      kernel: this.#kernel,
      name: `${socket.simulatedName}'`,
      local: place.name,
      localPort: port,
      remote: from.name,
      remotePort: socket.localPort,
      allowHalfOpen: (server as unknown as ServerChoices).allowHalfOpen === true,
      connecting: false,
    });
    const connection = new Connection(
      this.#kernel,
      this.#random.fork(socket.simulatedName),
      path,
      { dialled: socket, accepted },
      (over) => void this.#connections.delete(over),
      this.changes(path),
    );
    this.#connections.set(connection, { dialled: from, accepted: place });
    this.#kernel.log(`${socket.simulatedName} connected`);
    const { keepAlive, keepAliveInitialDelay } = server as unknown as ServerChoices;
    if (keepAlive === true) accepted.setKeepAlive(true, (keepAliveInitialDelay ?? 0) * 1_000);
    countConnection(server, accepted);
    server.emit('connection', accepted);
    socket.emit('connect');
    socket.emit('ready');
  }

  #travel(path: Path, direction: 'out' | 'back', delayMs: number, arrive: () => void): void {
    this.#kernel.at(delayMs, () => {
      if (!path.isCut(direction)) return arrive();
      path.onHealed(direction, () => {
        this.#travel(path, direction, this.#random.between(retransmitMs.min, retransmitMs.max), arrive);
      });
    });
  }
}

/** What a `net.Server` was made with, where it keeps it. */
interface ServerChoices {
  readonly allowHalfOpen?: boolean;
  readonly keepAlive?: boolean;
  /** In seconds. */
  readonly keepAliveInitialDelay?: number;
}

/** A server of node:net counts its sockets, and is closed when the last one is. */
function countConnection(server: Server, socket: SimulatedSocket): void {
  const counting = server as unknown as { _connections: number; _emitCloseIfDrained(): void };
  counting._connections += 1;
  socket.once('close', () => {
    counting._connections -= 1;
    counting._emitCloseIfDrained();
  });
}
