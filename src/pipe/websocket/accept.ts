/**
 * The server's half of the WebSocket handshake (`spec/wire.md §4.3`, `spec/kas.md §3.7`). Any path upgrades; what is wrong
 * with a request is answered by whoever has its HTTP exchange.
 *
 * A1. A browser's page may not open a tunnel: an `Origin` must be the host that was asked.
 * A2. A client that does not name the sub-protocol gets its handshake and then close code 1002, as clients expect to see
 *     the reason in a close frame.
 * A3. Who comes is a stranger until the owner of the connection trusts the stream.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { closeCodes, tunnelProtocol, webSocketOptions } from './limits.ts';
import { WebSocketStream } from './websocket-stream.ts';

/** Why a request cannot become a WebSocket. */
export interface HandshakeRefusal {
  readonly httpStatus: 400 | 403 | 405 | 426;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type Accepted =
  | { readonly kind: 'tunnel'; readonly stream: WebSocketStream }
  | { readonly kind: 'refused'; readonly reason: string };

/** Looks at an HTTP/1.1 request; undefined when it is a good WebSocket handshake. */
export function handshakeRefusal(request: IncomingMessage): HandshakeRefusal | undefined {
  const { headers, method, httpVersionMajor, httpVersionMinor } = request;
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };
  if (httpVersionMajor * 10 + httpVersionMinor < 11) {
    return {
      httpStatus: 426,
      reason: `a WebSocket needs HTTP/1.1, this request is HTTP/${request.httpVersion}`,
      headers: upgrade,
    };
  }
  if (!names(headers.connection, 'upgrade') || !names(headers.upgrade, 'websocket')) {
    return {
      httpStatus: 426,
      reason: 'the request does not ask for an upgrade to a WebSocket',
      headers: upgrade,
    };
  }
  if (method !== 'GET') {
    return {
      httpStatus: 405,
      reason: `a WebSocket begins with GET, not ${shown(method)}`,
      headers: { Allow: 'GET' },
    };
  }
  if (headers['sec-websocket-version'] !== '13') {
    const reason = `unsupported Sec-WebSocket-Version ${shown(headers['sec-websocket-version'])}, only 13 is`;
    return { httpStatus: 400, reason, headers: { 'Sec-WebSocket-Version': '13' } };
  }
  const key = headers['sec-websocket-key'];
  if (key === undefined || !keyPattern.test(key)) {
    return { httpStatus: 400, reason: 'Sec-WebSocket-Key is missing or malformed', headers: {} };
  }
  const { origin, host } = headers;
  if (origin !== undefined && URL.parse(origin)?.host.toLowerCase() !== hostOf(host, origin)) {
    const reason = `Origin ${shown(origin)} is not allowed for host ${shown(host)}`;
    return { httpStatus: 403, reason, headers: {} }; // A1
  }
  return undefined;
}

const keyPattern = /^[+/0-9A-Za-z]{22}==$/;

/** Completes handshakes. */
export class WebSocketAcceptor {
  readonly #server: WebSocketServer;

  /** @param serverName value of `Server` in the answers */
  constructor(serverName: string) {
    this.#server = new WebSocketServer({
      ...webSocketOptions,
      noServer: true,
      clientTracking: false,
      handleProtocols: (offered) => offered.has(tunnelProtocol) && tunnelProtocol,
    });
    this.#server.on('headers', (headers) => headers.push(`Server: ${serverName}`));
  }

  /** Answers a request that {@link handshakeRefusal} found good. `done` is not called when the client is gone already. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, done: (accepted: Accepted) => void): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      if (webSocket.protocol === tunnelProtocol) {
        return done({ kind: 'tunnel', stream: new WebSocketStream(webSocket, socket) });
      }
      const reason = `Expecting "${tunnelProtocol}" subprotocol, got ""`;
      webSocket.on('error', () => {}); // it is on its way out
      webSocket.close(closeCodes.protocolError, reason); // A2
      done({ kind: 'refused', reason });
    });
  }
}

function names(header: string | undefined, token: string): boolean {
  return header?.split(',').some((one) => one.trim().toLowerCase() === token) ?? false;
}

/** `Host` in the form URL gives to an origin of the same scheme: without its default port. */
function hostOf(host: string | undefined, origin: string): string | undefined {
  return URL.parse(`${origin.split(':', 1)[0]}://${host}`)?.host.toLowerCase();
}

/** A word of the peer's, for people: quoted, bounded, no control characters. */
function shown(text: string | undefined): string {
  return JSON.stringify((text ?? '').slice(0, 200).replace(/[^\x20-\x7e]/g, '?'));
}
