/**
 * A real redis-server for tests, on a free port of 127.0.0.1 or on a socket in a folder of its own, without persistence.
 * It can be killed, started again under the same address, frozen and emptied. It ends with the test that started it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, RESP_TYPES } from '@redis/client';

export interface RedisServerOptions {
  /** Listens on a socket instead of a port. */
  readonly unixSocket?: boolean;
  /** Further arguments, e.g. `['--requirepass', 'secret']`. */
  readonly args?: readonly string[];
  /** Instead of a free one. */
  readonly port?: number;
  /** What the administrator's connection of the tests needs to be let in. */
  readonly password?: string;
  /** Runs as a sentinel with this configuration, which it rewrites. */
  readonly sentinel?: string;
}

const startMs = 60_000;
const stopMs = 10_000;

export class RedisServer {
  readonly folder: string;
  readonly port: number;
  readonly #options: RedisServerOptions;
  #child: ChildProcess | undefined;
  #admin: ReturnType<typeof administrator> | undefined;

  constructor(folder: string, port: number, options: RedisServerOptions) {
    this.folder = folder;
    this.port = port;
    this.#options = options;
  }

  /** As an operator writes it: `host:port`, or the path of the socket. */
  get address(): string {
    return this.#options.unixSocket === true ? this.socketPath : `127.0.0.1:${this.port}`;
  }

  get socketPath(): string {
    return join(this.folder, 'redis.sock');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it, also again after `kill`; resolves when it takes connections. */
  async start(): Promise<void> {
    const { unixSocket, args = [], sentinel } = this.#options;
    const listen = unixSocket === true ? ['--unixsocket', this.socketPath, '--port', '0'] : [];
    const port = unixSocket === true || args.includes('--tls-port') ? [] : ['--port', String(this.port)];
    const role =
      sentinel === undefined
        ? ['--save', '', '--appendonly', 'no', '--dir', this.folder]
        : [join(this.folder, 'sentinel.conf'), '--sentinel'];
    const child = spawn('redis-server', [...role, ...port, '--bind', '127.0.0.1', ...listen, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    await untilServing(child);
  }

  /** Sends one command as the administrator; texts come as buffers. */
  async command(...args: readonly (string | Buffer)[]): Promise<unknown> {
    this.#admin ??= administrator(this, this.#options.password);
    const client = await this.#admin;
    return client.sendCommand([...args]);
  }

  /** Text of a reply, for assertions. */
  async text(...args: readonly (string | Buffer)[]): Promise<string> {
    return String(await this.command(...args));
  }

  /** Every key, sorted by its bytes. */
  async keys(): Promise<Buffer[]> {
    return ((await this.command('KEYS', '*')) as Buffer[]).sort((a, b) => Buffer.compare(a, b));
  }

  /** A hash as pairs, sorted by field. */
  async hash(key: string | Buffer): Promise<[field: string, value: Buffer][]> {
    const flat = (await this.command('HGETALL', key)) as Buffer[];
    const pairs: [string, Buffer][] = [];
    for (let index = 0; index + 1 < flat.length; index += 2) {
      pairs.push([String(flat[index]), flat[index + 1] as Buffer]);
    }
    return pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Makes every key older: what would have expired by then is gone. */
  async age(ms: number): Promise<void> {
    for (const key of await this.keys()) {
      const left = Number(await this.command('PTTL', key));
      if (left < 0) continue;
      await (left <= ms
        ? this.command('DEL', key)
        : this.command('PEXPIRE', key, String(Math.ceil(left - ms))));
    }
  }

  /** Ends it without warning, as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await rm(this.folder, { recursive: true, force: true });
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const admin = await this.#admin?.catch(() => undefined);
    this.#admin = undefined;
    admin?.destroy();
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), stopMs);
    await exited;
    clearTimeout(late);
  }
}

export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-'));
  const server = new RedisServer(folder, options.port ?? (await freePort()), options);
  if (options.sentinel !== undefined) await writeFile(join(folder, 'sentinel.conf'), options.sentinel);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function administrator(server: RedisServer, password: string | undefined) {
  const client = createClient({
    RESP: 2,
    socket: server.address.startsWith('/')
      ? { path: server.address, tls: false, reconnectStrategy: false }
      : { host: '127.0.0.1', port: server.port, reconnectStrategy: false },
    disableClientInfo: true,
    ...(password === undefined ? {} : { password }),
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Waits for the server's own word that it serves; else tells what it said last. */
async function untilServing(child: ChildProcess): Promise<void> {
  let words = '';
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(late);
      child.kill('SIGKILL');
      reject(new Error(`redis-server did not start: ${why}\n${words}`));
    };
    const late = setTimeout(() => fail(`not ready within ${startMs} ms`), startMs);
    const hear = (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-4_000);
      if (!/ready to accept connections|\+monitor master/i.test(words)) return;
      clearTimeout(late);
      resolve();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('exit', (code) => fail(`exit code ${code}`));
    child.once('error', (error) =>
      fail(
        'code' in error && error.code === 'ENOENT'
          ? 'it is not installed; the tests of the shared store need the Debian package redis-server'
          : error.message,
      ),
    );
  });
}
