/**
 * The rungs of the ladder to kas, each from one stream to the next: a TCP connection, a way through a proxy, TLS. None
 * decides anything and none has a deadline of its own: the link's chart gives up by aborting the signal.
 *
 * R1. A rung never rejects; it answers what it reached or the failure of its hop.
 * R2. After a failure, and after an abort, its socket is destroyed.
 * R3. From its birth on a socket has somebody who hears its errors.
 */
import { request } from 'node:http';
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { tlsRules } from '../../pipe/tls/index.ts';
import { agentkLimits } from '../limits.ts';
import type { LinkFailure, Whose } from './link-failure.ts';
import type { HttpProxy } from './proxy-environment.ts';

export type Reached<T> =
  | { readonly kind: 'reached'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: LinkFailure };

/** The system notices a dead peer as well, but not while something it sent is unanswered: that it repeats for a quarter of an hour. */
const tcpOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
  // Node tries the addresses of a name one after the other; its own 250 ms give up on distant servers.
  autoSelectFamilyAttemptTimeout: agentkLimits.addressAttemptMs,
} as const;

/** Resolves the name and connects, trying each of its addresses. */
export function dialTcp(
  whose: Whose,
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Reached<Socket>> {
  const socket = connectTcp({ host, port, ...tcpOptions });
  return rung(socket, 'connect', signal, (error) => {
    const { code = '', syscall } = error as NodeJS.ErrnoException;
    return syscall === 'getaddrinfo'
      ? { hop: 'dns', whose, host, code }
      : { hop: 'tcp', whose, code, message: errorText(error) };
  });
}

export interface TlsStep {
  readonly whose: Whose;
  readonly host: string;
  /** Verified and sent as SNI in place of the host. */
  readonly serverName: string | undefined;
  readonly skipVerify: boolean;
  readonly roots: readonly string[];
  readonly http2: boolean;
}

/** Secures a connected socket. */
export function secure(socket: Socket, step: TlsStep, signal: AbortSignal): Promise<Reached<TLSSocket>> {
  const { whose, host, serverName, skipVerify, roots, http2 } = step;
  const name = serverName ?? host;
  const secured = connectTls({
    ...tlsRules,
    socket,
    host: name,
    ca: [...roots],
    rejectUnauthorized: !skipVerify,
    ...(http2 ? { ALPNProtocols: ['h2'] } : {}),
    ...(isAddress(name) ? {} : { servername: name }),
  });
  return rung(secured, 'secureConnect', signal, (error) => {
    // OpenSSL's own message names files and lines of OpenSSL; its reason is for people.
    const { code = '', reason } = error as NodeJS.ErrnoException & { readonly reason?: string };
    const words = errorText(error).replace(/; if the root CA is installed locally.*/, ''); // advice about Node's flags
    const message = code.startsWith('ERR_SSL_') && reason !== undefined ? reason : words;
    return { hop: 'tls', whose, peer: host, code, message, http2 };
  });
}

/** Has a proxy connect to `hostPort` (RFC 9110 §9.3.6). */
export function throughProxy(
  socket: Socket,
  proxy: HttpProxy,
  hostPort: string,
  userAgent: string,
  signal: AbortSignal,
): Promise<Reached<Socket>> {
  return new Promise((resolve) => {
    const connecting = request({
      method: 'CONNECT',
      path: hostPort,
      createConnection: () => socket,
      maxHeaderSize: agentkLimits.proxyHeaderBytesMax,
      headers: {
        Host: hostPort,
        'User-Agent': userAgent,
        ...(proxy.authorization === undefined ? {} : { 'Proxy-Authorization': proxy.authorization }),
      },
    });
    const abort = () => connecting.destroy(new Error('given up'));
    const settle = (outcome: Reached<Socket>) => {
      signal.removeEventListener('abort', abort);
      if (outcome.kind === 'failed') socket.destroy(); // R2
      resolve(outcome);
    };
    const failed = (problem: Extract<LinkFailure, { hop: 'proxy' }>['problem']) =>
      settle({ kind: 'failed', failure: { hop: 'proxy', proxy: proxy.shown, problem } });
    signal.addEventListener('abort', abort, { once: true });
    connecting.removeHeader('connection'); // Node's own says close
    connecting.on('error', (error) => failed({ kind: 'broken', message: errorText(error) }));
    connecting.once('connect', ({ statusCode = 0, statusMessage = '' }, _socket, head) => {
      if (statusCode < 200 || statusCode > 299) {
        return failed({ kind: 'refused', status: statusCode, words: statusMessage });
      }
      if (head.length > 0) socket.unshift(head);
      settle({ kind: 'reached', value: socket });
    });
    connecting.end();
    if (signal.aborted) abort();
  });
}

/** Waits for one event of a socket, its error, or the abort. */
function rung<S extends Socket>(
  socket: S,
  reached: 'connect' | 'secureConnect',
  signal: AbortSignal,
  failureOf: (error: Error) => LinkFailure,
): Promise<Reached<S>> {
  return new Promise((resolve) => {
    const abort = () => socket.destroy(new Error('given up'));
    const settle = (outcome: Reached<S>) => {
      signal.removeEventListener('abort', abort);
      resolve(outcome);
    };
    socket.on('error', (error) => settle({ kind: 'failed', failure: failureOf(error) })); // R3
    socket.once(reached, () => settle({ kind: 'reached', value: socket }));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
}

/** What went wrong with a connection, with the causes of attempts on several addresses. */
export function errorText(error: Error): string {
  if (error instanceof AggregateError) {
    const causes = error.errors.map((cause) => (cause instanceof Error ? cause.message : String(cause)));
    return causes.slice(0, 4).join('; ');
  }
  const code = (error as NodeJS.ErrnoException).code;
  return error.message !== '' ? error.message : (code ?? error.name);
}

function isAddress(host: string): boolean {
  return isIP(host) !== 0;
}
