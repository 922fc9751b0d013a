/**
 * One HTTP/2 connection to kas: sockets and TLS under node:http2, told to the link actor as a handful of facts. It
 * decides nothing; deadlines, pings and redials are the chart's (`statecharts/agent-link.ts`).
 *
 * C1. `onClosed` comes exactly once and last, whatever happened, with a reason a person can use.
 * C2. A connection that was told to go away finishes its streams and then closes itself.
 * C3. The CA file is read for each connection, so a renewed bundle needs no restart.
 */
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, getCACertificates } from 'node:tls';
import { http2ClientOptions, tuneClientSession } from '../../pipe/grpc/index.ts';
import type { KasAddress } from './kas-address.ts';

export interface KasTls {
  /** PEM bundle added to the system's roots. */
  readonly caFile: string | undefined;
  /** Name to verify and to send as SNI instead of the host. */
  readonly serverName: string | undefined;
  readonly skipVerify: boolean;
}

export interface KasTarget {
  readonly address: KasAddress;
  readonly tls: KasTls;
}

/** What a connection tells; each at most once except `onPingAck`. */
export interface ConnectionEvents {
  /** TCP and TLS are up. */
  onConnected(): void;
  /** kas's HTTP/2 settings arrived: streams may be opened. */
  onReady(): void;
  onPingAck(): void;
  onGoAway(): void;
  onClosed(reason: string): void;
}

export interface KasConnection {
  readonly session: ClientHttp2Session;
  /** False when it cannot be asked: node:http2 pings no more once a session was told to go away. */
  ping(): boolean;
  /** No new streams; closes when the last one ends (C2). */
  retire(): void;
  destroy(): void;
}

/** `:authority` of every call: the configured TLS name, else host and port (`spec/wire.md §4.1`). */
export function authorityOf({ address, tls }: KasTarget): string {
  return address.secure ? (tls.serverName ?? address.hostPort) : address.hostPort;
}

/** Dials. Throws only when the CA file cannot be read or holds no certificates; nothing is told then. */
export function openConnection(target: KasTarget, events: ConnectionEvents): KasConnection {
  const socket = openSocket(target);
  const session = connectHttp2(`${target.address.secure ? 'https' : 'http'}://${authorityOf(target)}`, {
    ...http2ClientOptions(),
    createConnection: () => socket,
  });
  tuneClientSession(session);
  let failure: Error | undefined;
  let farewell: string | undefined;
  session.once('connect', () => events.onConnected());
  session.once('remoteSettings', () => events.onReady());
  session.once('goaway', (code, _lastStreamId, data) => {
    farewell = goAwayText(code, data);
    events.onGoAway();
  });
  session.on('error', (error: Error) => (failure ??= error));
  session.once('close', () => {
    events.onClosed(farewell ?? (failure === undefined ? 'connection closed' : connectionErrorText(failure)));
  });
  return {
    session,
    ping: () => {
      if (session.closed || session.destroyed) return false;
      session.ping((error) => {
        if (error === null) events.onPingAck();
      });
      return true;
    },
    retire: () => {
      if (!session.closed && !session.destroyed) session.close();
    },
    destroy: () => session.destroy(),
  };
}

/** For connections that went away and can no longer be pinged: the system notices a dead peer for them. */
const tcpKeepAlive = { keepAlive: true, keepAliveInitialDelay: 50_000 } as const;

function openSocket({ address, tls }: KasTarget): Socket {
  const tcp = { host: address.host, port: address.port, noDelay: true, ...tcpKeepAlive };
  if (!address.secure) return connectTcp(tcp);
  const serverName = tls.serverName ?? (isIP(address.host) === 0 ? address.host : undefined);
  return connectTls({
    ...tcp,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.2',
    ciphers,
    rejectUnauthorized: !tls.skipVerify,
    ca: trustedRoots(tls.caFile),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
}

/** TLS 1.3, and of TLS 1.2 what `spec/wire.md §4.2` names. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  ...['ECDHE-ECDSA', 'ECDHE-RSA'].flatMap((kx) =>
    ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'].map((cipher) => `${kx}-${cipher}`),
  ),
].join(':');

/** The roots of Node and of the system, and those of the file. */
function trustedRoots(caFile: string | undefined): string[] {
  const roots = new Set([...getCACertificates('default'), ...getCACertificates('system')]);
  if (caFile !== undefined) roots.add(readFileSync(caFile, 'utf8'));
  return [...roots];
}

/** HTTP/2 error codes by number (RFC 9113 §7). */
const http2Errors = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

function goAwayText(code: number, data: unknown): string {
  const said = data instanceof Uint8Array ? Buffer.from(data).toString('latin1', 0, 64) : '';
  const shown = said.replace(/[^\x20-\x7e]/g, '?');
  return `kas ended the connection: ${http2Errors[code] ?? code}${shown === '' ? '' : ` ${shown}`}`;
}

/** What went wrong with a connection, with the causes of attempts on several addresses. */
export function connectionErrorText(error: Error): string {
  if (error instanceof AggregateError) {
    const causes = error.errors.map((cause) => (cause instanceof Error ? cause.message : String(cause)));
    return causes.slice(0, 4).join('; ');
  }
  const code = (error as NodeJS.ErrnoException).code;
  return error.message !== '' ? error.message : (code ?? error.name);
}
