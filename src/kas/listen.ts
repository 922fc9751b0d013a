/** Listen addresses of the configuration file, and binding to them. */
import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';

/** A parsed `network` and `address` pair. */
export interface ListenAddress {
  readonly network: string;
  readonly host: string;
  readonly port: number;
  readonly socketPath: string | undefined;
  /** The address as people read it, with the port that was really bound. */
  text(port: number): string;
}

const addressForm = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/;

/** What is wrong with a listen address, in words; undefined when nothing is. */
export function listenAddressProblem(network: string, address: string): string | undefined {
  if (network === 'unix') return undefined;
  const port = Number(addressForm.exec(address)?.[3]);
  return port <= 65_535 ? undefined : 'expected host:port, [ipv6]:port or :port, with a port up to 65535';
}

/** `127.0.0.1:8150`, `[::1]:8150`, `:8150`, or a path for `unix`. Throws naming what is wrong. */
export function parseListenAddress(network: string, address: string): ListenAddress {
  if (network === 'unix') {
    return { network, host: '', port: 0, socketPath: address, text: () => address };
  }
  const problem = listenAddressProblem(network, address);
  if (problem !== undefined) throw new Error(`listen address ${JSON.stringify(address)}: ${problem}`);
  const match = addressForm.exec(address);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2] ?? '';
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    network,
    host: host === '' ? (network === 'tcp4' ? '0.0.0.0' : '::') : host,
    port,
    socketPath: undefined,
    text: (bound) => `${shown}:${bound}`,
  };
}

/** How a server gets its address; resolves with the bound port, 0 for a socket path. */
export type Listen = (server: Server, address: ListenAddress) => Promise<number>;

/**
 * Binds; resolves with the bound port (0 for a socket path), rejects with the bind error. A socket file that a killed
 * process left behind is replaced; one behind which somebody answers is not.
 */
export async function listen(server: Server, address: ListenAddress): Promise<number> {
  try {
    return await bind(server, address);
  } catch (error) {
    const { socketPath } = address;
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (!isTaken || socketPath === undefined || (await isAnswered(socketPath))) throw error;
    await unlink(socketPath);
    return bind(server, address);
  }
}

function bind(server: Server, address: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const bound = () => {
      server.off('error', reject);
      const found = server.address();
      resolve(found !== null && typeof found === 'object' ? found.port : 0);
    };
    if (address.socketPath !== undefined) server.listen(address.socketPath, bound);
    else
      server.listen({ port: address.port, host: address.host, ipv6Only: address.network === 'tcp6' }, bound);
  });
}

/** Whatever is there but a socket nobody listens on counts as answered. */
async function isAnswered(socketPath: string): Promise<boolean> {
  if (!(await lstat(socketPath)).isSocket()) return true;
  return new Promise((resolve) => {
    const probe = connect(socketPath, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
