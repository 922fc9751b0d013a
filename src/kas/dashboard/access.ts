/**
 * Who may read the dashboard's API: whoever has the token, and without a token file whoever sits at this machine.
 *
 * A1. Without a token only a loopback peer is served, and only when nothing says that it speaks for somebody else: a
 *     `Forwarded` or `X-Forwarded-*` header means a proxy.
 * A2. The `Host` asked for must then be a name of this machine: a page of the internet whose name was made to point at
 *     127.0.0.1 reads nothing. `Origin`, where a browser sends one, must be the same host.
 * A3. Tokens are compared in constant time and never logged.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

export type Access =
  | { readonly kind: 'granted' }
  | { readonly kind: 'refused'; readonly status: 401 | 403; readonly reason: string };

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

export function isLoopback(address: string | undefined): boolean {
  const family = isIP(address ?? '');
  return family !== 0 && loopback.check(address ?? '', family === 6 ? 'ipv6' : 'ipv4');
}

export function accessOf(request: IncomingMessage, token: string | undefined): Access {
  if (token !== undefined) {
    const [, given = ''] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (equal(given, token)) return granted;
    return refused(401, 'a bearer token is needed, that of observability.dashboard.token_file');
  }
  const { headers, socket } = request;
  // A Unix socket has no address: the file's permissions decide.
  if (socket.remoteAddress !== undefined && !isLoopback(socket.remoteAddress)) {
    return refused(403, 'only from this machine, unless observability.dashboard.token_file is set');
  }
  const proxied = Object.keys(headers).some(
    (name) => name === 'forwarded' || name.startsWith('x-forwarded-'),
  );
  if (proxied) return refused(403, 'not through a proxy, unless observability.dashboard.token_file is set');
  const { host = '', origin } = headers;
  const name = hostName(host);
  if (name !== 'localhost' && !isLoopback(name)) return refused(403, 'ask for localhost or 127.0.0.1');
  if (origin !== undefined && origin.replace(/^https?:\/\//, '') !== host) {
    return refused(403, 'not from pages of other origins');
  }
  return granted;
}

const granted = { kind: 'granted' } as const;

function refused(status: 401 | 403, reason: string): Access {
  return { kind: 'refused', status, reason };
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '').toLowerCase();
}

function equal(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
