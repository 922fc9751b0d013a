/**
 * One HTTP/2 connection to kas, from the first packet to the last: the ladder (`kas-ladder.ts`) and the session on top of
 * it, told to the link actor as a handful of facts. It decides nothing; deadlines, pings and redials are the chart's
 * (`statecharts/agent-link.ts`).
 *
 * C1. `onClosed` comes exactly once and last, whatever happened, with the hop that failed.
 * C2. A connection that was told to go away finishes its streams and then closes itself.
 */
import type { EventEmitter } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { http2ClientOptions, tuneClientSession } from '../../pipe/grpc/index.ts';
import { climbToKas, type ClimbEvents, type KasTarget } from './kas-ladder.ts';
import type { Http2Problem, LinkFailure } from './link-failure.ts';
import { errorText, type Reached } from './rungs.ts';

/** What a connection tells; each at most once except `onHop` and `onPingAck`. */
export interface ConnectionEvents extends ClimbEvents {
  /** kas's HTTP/2 settings arrived: streams may be opened. */
  onReady(): void;
  onPingAck(): void;
  onGoAway(): void;
  onClosed(failure: LinkFailure): void;
}

export interface KasConnection {
  /** Undefined while the ladder is climbed. */
  readonly session: ClientHttp2Session | undefined;
  /** False when it cannot be asked: there is no session yet, or none any more. */
  ping(): boolean;
  /** No new streams; closes when the last one ends (C2). */
  retire(): void;
  destroy(): void;
}

/**
 * `:authority` of every call (`spec/wire.md §4.1`): the configured TLS name, else host and port; for WebSockets the whole
 * URL, escaped.
 */
export function authorityOf({ address, tls }: Pick<KasTarget, 'address' | 'tls'>): string {
  if (address.webSocket !== undefined) return encodeURIComponent(address.shown).replaceAll('%3A', ':');
  return address.secure ? (tls.serverName ?? address.hostPort) : address.hostPort;
}

/** A session that has just been opened, and what it runs on, which tells its own errors. */
export interface OpenedSession {
  readonly session: ClientHttp2Session;
  readonly carrier: Pick<EventEmitter, 'on'>;
}

/** How a session with kas comes about: the network of this machine, or that of a simulated world. Never rejects. */
export type KasWay = (
  target: KasTarget,
  signal: AbortSignal,
  events: ClimbEvents,
) => Promise<Reached<OpenedSession>>;

/** The real way: up the ladder, then HTTP/2. */
export const wayByNetwork: KasWay = async (target, signal, events) => {
  const climbed = await climbToKas(target, signal, events);
  if (climbed.kind === 'failed') return climbed;
  const { secure, webSocket, hostPort } = target.address;
  const carrier = climbed.value;
  const session = connectHttp2(`${secure && webSocket === undefined ? 'https' : 'http'}://${hostPort}`, {
    ...http2ClientOptions(),
    createConnection: () => carrier,
  });
  return { kind: 'reached', value: { session, carrier } };
};

/** Dials. */
export function openConnection(
  target: KasTarget,
  events: ConnectionEvents,
  way: KasWay = wayByNetwork,
): KasConnection {
  const given = new AbortController();
  let session: ClientHttp2Session | undefined;
  void way(target, given.signal, events).then((opened) => {
    if (opened.kind === 'failed') return events.onClosed(opened.failure); // C1
    ({ session } = opened.value);
    follow(opened.value, target, events);
    if (given.signal.aborted) session.destroy();
  });
  return {
    get session() {
      return session;
    },
    ping: () => {
      if (session === undefined || session.destroyed) return false;
      const answered = (error: Error | null) => {
        if (error === null) events.onPingAck();
      };
      // node:http2 pings no more once a session was told to go away; settings are acknowledged until its end.
      if (session.closed) session.settings({}, answered);
      else session.ping(answered);
      return true;
    },
    retire: () => {
      if (session === undefined) given.abort();
      else if (!session.closed && !session.destroyed) session.close();
    },
    destroy: () => {
      given.abort();
      session?.destroy();
    },
  };
}

function follow({ session, carrier }: OpenedSession, { address }: KasTarget, events: ConnectionEvents): void {
  events.onHop('http2');
  tuneClientSession(session);
  let ready = false;
  let problem: Http2Problem | undefined;
  const fail = (message: string) => {
    problem ??= { kind: ready ? 'lost' : 'no-settings', message };
  };
  carrier.on('error', (error: Error) => fail(errorText(error)));
  session.once('remoteSettings', () => {
    ready = true;
    events.onReady();
  });
  session.once('goaway', (code, _lastStreamId, data) => {
    problem = { kind: 'farewell', message: goAwayText(code, data) };
    // With an error node:http2 ends the session and its streams at once: that is a loss, and its reason is told as one.
    if (code === constants.NGHTTP2_NO_ERROR) events.onGoAway();
  });
  session.on('error', (error: Error) => fail(errorText(error)));
  session.once('close', () => {
    fail('closed by the other end');
    const ended = problem ?? { kind: 'lost', message: '' };
    events.onClosed({ hop: 'http2', problem: ended, webSocket: address.webSocket !== undefined }); // C1
  });
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
  return `${http2Errors[code] ?? code}${said === '' ? '' : ` ${said}`}`;
}
