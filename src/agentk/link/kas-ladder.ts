/**
 * From nothing to a stream of bytes that kas's HTTP/2 runs on: DNS and TCP, a proxy where the environment names one, TLS,
 * the upgrade to a WebSocket. Each hop that begins is told, so the link's chart can give each its time and a doctor can
 * show the ladder; what fails is told with its hop (`link-failure.ts`).
 *
 * L1. Native addresses go through HTTPS_PROXY by CONNECT, whether secured or not, as grpc-go has it, and for them an
 *     exception of NO_PROXY also counts for what the name resolves to. WebSockets go through the proxy of their scheme.
 * L2. A plain WebSocket is asked of its proxy as plain HTTP is, as the original does; a proxy that cannot is asked for
 *     CONNECT next.
 * L3. One redirect is followed, and only to another path of the same server: the missing slash at the end.
 * L4. The CA file is read for each connection, so a renewed bundle needs no restart.
 */
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getCACertificates } from 'node:tls';
import { dialWebSocket, type UnexpectedAnswer } from '../../pipe/websocket/index.ts';
import type { KasAddress } from './kas-address.ts';
import type { Hop, LinkFailure } from './link-failure.ts';
import type { HttpProxy, ProxyEnvironment, Route } from './proxy-environment.ts';
import { dialTcp, secure, throughProxy, type Reached } from './rungs.ts';
import { tcpSight, tlsSight, type Sight } from './sight.ts';

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
  readonly proxies: ProxyEnvironment;
  readonly userAgent: string;
  /** Headers of the upgrade request, the user agent among them. */
  readonly upgradeHeaders: Readonly<Record<string, string>>;
}

/** Who climbs is told what happens on the way. */
export interface ClimbEvents {
  /** A hop begins; TCP has begun with the call. */
  onHop(hop: Exclude<Hop, 'tcp'>): void;
  /** What was seen of a hop that was passed, before the next one begins; also of an upgrade that was answered otherwise. */
  onSight?(sight: Sight): void;
  /** The upgrade is asked for at another path of the same server. */
  onRedirected(to: string): void;
}

/** Climbs; never rejects. After an abort it answers soon, with whatever failure that made. */
export async function climbToKas(
  target: KasTarget,
  signal: AbortSignal,
  events: ClimbEvents,
): Promise<Reached<Duplex>> {
  const { webSocket } = target.address;
  if (webSocket === undefined) {
    const socket = await reachKas(target, 'connect', signal, events);
    return socket.kind === 'failed' ? socket : { kind: 'reached', value: socket.value.socket };
  }
  let url = webSocket;
  let form: PlainForm = 'forward';
  for (let left = 2; ; left--) {
    const dialled = await upgrade(target, url, form, signal, events);
    if (dialled.kind !== 'answered') return dialled.reached;
    const { answer, forwarded } = dialled;
    const redirected = redirectWithin(url, answer);
    const failure: LinkFailure = {
      hop: 'upgrade',
      address: target.address.shown,
      problem: { kind: 'answered', answer },
    };
    if (left === 0 || signal.aborted) return { kind: 'failed', failure };
    if (redirected !== undefined && url === webSocket) {
      url = redirected; // L3
      events.onRedirected(`${url.protocol}//${url.host}${url.pathname}${url.search}`);
    } else if (forwarded && form === 'forward') form = 'connect'; // L2
    else return { kind: 'failed', failure };
  }
}

/** How a plain WebSocket passes a proxy. */
type PlainForm = 'forward' | 'connect';

type Dialled =
  | { readonly kind: 'done'; readonly reached: Reached<Duplex> }
  | { readonly kind: 'answered'; readonly answer: UnexpectedAnswer; readonly forwarded: boolean };

async function upgrade(
  target: KasTarget,
  url: URL,
  form: PlainForm,
  signal: AbortSignal,
  events: ClimbEvents,
): Promise<Dialled> {
  const way = await reachKas(target, form, signal, events);
  if (way.kind === 'failed') return { kind: 'done', reached: way };
  const { socket, forwardedBy } = way.value;
  events.onHop('upgrade');
  const authorization = forwardedBy?.authorization;
  const dialled = await dialWebSocket({
    socket,
    url,
    headers: {
      ...target.upgradeHeaders,
      ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
    },
    requestTarget: forwardedBy === undefined ? undefined : plainUrl(url),
    signal,
  });
  if (dialled.kind === 'open') {
    events.onSight?.({ hop: 'upgrade', server: dialled.server, date: dialled.date });
    return { kind: 'done', reached: { kind: 'reached', value: dialled.stream } };
  }
  if (dialled.kind === 'answered') {
    const { server, date } = dialled.answer;
    events.onSight?.({ hop: 'upgrade', server, date });
    return { kind: 'answered', answer: dialled.answer, forwarded: forwardedBy !== undefined };
  }
  const failure: LinkFailure = {
    hop: 'upgrade',
    address: target.address.shown,
    problem: { kind: 'broken', message: dialled.reason },
  };
  return { kind: 'done', reached: { kind: 'failed', failure } };
}

interface Way {
  /** To kas, secured if the address is; or to a proxy that forwards. */
  readonly socket: Socket;
  readonly forwardedBy: HttpProxy | undefined;
}

async function reachKas(
  target: KasTarget,
  form: PlainForm,
  signal: AbortSignal,
  events: ClimbEvents,
): Promise<Reached<Way>> {
  const { address } = target;
  const roots = trustedRoots(target.tls.caFile); // L4
  if (roots.kind === 'failed') return roots;
  const route = await routeTo(target);
  if (route.kind === 'unusable') {
    return { kind: 'failed', failure: { hop: 'settings', message: route.reason } };
  }
  let socket: Reached<Socket>;
  if (route.kind === 'proxy') {
    const { proxy } = route;
    socket = await reachProxy(target, proxy, roots.value, signal, events);
    if (socket.kind === 'failed') return socket;
    if (address.scheme === 'ws' && form === 'forward') {
      return { kind: 'reached', value: { socket: socket.value, forwardedBy: proxy } };
    }
    socket = await throughProxy(socket.value, proxy, address.hostPort, target.userAgent, signal);
    if (socket.kind === 'reached') events.onSight?.({ hop: 'proxy', proxy: proxy.shown });
  } else {
    socket = await dialTcp('kas', address, signal);
    if (socket.kind === 'reached') events.onSight?.(tcpSight('kas', socket.value));
  }
  if (socket.kind === 'failed') return socket;
  if (address.secure) {
    events.onHop('tls');
    const { serverName, skipVerify } = target.tls;
    const step = { whose: 'kas', host: address.host, serverName, skipVerify, roots: roots.value } as const;
    const secured = await secure(socket.value, { ...step, http2: address.webSocket === undefined }, signal);
    if (secured.kind === 'failed') return secured;
    events.onSight?.(tlsSight('kas', secured.value));
    socket = secured;
  }
  return { kind: 'reached', value: { socket: socket.value, forwardedBy: undefined } };
}

async function reachProxy(
  { tls }: KasTarget,
  proxy: HttpProxy,
  roots: readonly string[],
  signal: AbortSignal,
  events: ClimbEvents,
): Promise<Reached<Socket>> {
  const socket = await dialTcp('proxy', proxy, signal);
  if (socket.kind === 'failed') return socket;
  events.onSight?.(tcpSight('proxy', socket.value));
  events.onHop('proxy');
  if (!proxy.secure) return socket;
  const { skipVerify } = tls;
  const step = { whose: 'proxy', host: proxy.host, serverName: undefined, skipVerify, roots } as const;
  return secure(socket.value, { ...step, http2: false }, signal);
}

/** The way a connection to kas takes (L1). */
export async function routeTo({ address, proxies }: KasTarget): Promise<Route> {
  const { host, port, scheme } = address;
  if (scheme === 'ws' || scheme === 'wss') {
    return proxies.routeTo(scheme === 'ws' ? 'http' : 'https', { host, port });
  }
  if (!proxies.proxies('https') || !proxies.knowsAddresses) return proxies.routeTo('https', { host, port });
  const found = await lookup(host, { all: true }).catch(() => []);
  return proxies.routeTo('https', { host, port, addresses: found.map(({ address: one }) => one) });
}

/** The roots of Node and of the system, and those of the file. */
function trustedRoots(caFile: string | undefined): Reached<readonly string[]> {
  const roots = new Set([...getCACertificates('default'), ...getCACertificates('system')]);
  try {
    if (caFile !== undefined) roots.add(readFileSync(caFile, 'utf8'));
  } catch (error) {
    const message = `the CA file of kas: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: 'failed', failure: { hop: 'settings', message } };
  }
  return { kind: 'reached', value: [...roots] };
}

/** Where an answer redirects to, if it is another path of the same server (L3). */
function redirectWithin(url: URL, { status, location }: UnexpectedAnswer): URL | undefined {
  if (location === undefined || ![301, 302, 307, 308].includes(status)) return undefined;
  const to = URL.parse(location, plainUrl(url));
  if (to === null || to.origin !== new URL(plainUrl(url)).origin || to.pathname === url.pathname)
    return undefined;
  const next = new URL(url);
  next.pathname = to.pathname;
  next.search = to.search;
  return next;
}

/** The URL as plain HTTP has it: `http` for `ws`, without user and password. */
function plainUrl(url: URL): string {
  return `${url.protocol === 'wss:' ? 'https' : 'http'}://${url.host}${url.pathname}${url.search}`;
}
