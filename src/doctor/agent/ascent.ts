/**
 * The way to kas, climbed as agentk climbs it (`src/agentk/link`) and told rung by rung: DNS, TCP, the HTTP proxy, TLS, the
 * upgrade to a WebSocket, HTTP/2. The deadlines are those of the link's chart.
 *
 * A1. A rung is good when the next one has begun; the rung that failed is told once, and nothing after it.
 * A2. A followed redirect climbs again from the bottom: rungs that were told are not told again.
 */
import { lookup } from 'node:dns/promises';
import type { ClientHttp2Session } from 'node:http2';
import { isIP } from 'node:net';
import {
  describe,
  openConnection,
  routeTo,
  type Hop,
  type KasConnection,
  type KasTarget,
  type LinkFailure,
  type Sight,
} from '../../agentk/link/index.ts';
import type { Clock, TimerHandle } from '../../ports/index.ts';
import { agentLinkDelays } from '../../../statecharts/index.ts';
import { chainLines } from '../certificates.ts';
import type { Report } from '../finding.ts';
import { doctorLimits } from '../limits.ts';
import { late, within } from '../within.ts';
import { untrustedChain } from './untrusted-chain.ts';

const part = 'kas';

/** A connection that takes calls. */
export interface Reached {
  readonly session: ClientHttp2Session;
  readonly connection: KasConnection;
  /** kas said that it wants no new calls here. */
  readonly isSentAway: () => boolean;
  /** Its end; never rejects. */
  readonly lost: Promise<LinkFailure>;
}

/** What is known of the server beside its rungs. */
export interface Seen {
  /** `Date` headers, with the clock of this machine when they came. */
  readonly dates: { readonly from: string; readonly date: string; readonly nowMs: number }[];
  /** The server's own word of its version: `gitlab-kas/<version>/<commit>`. */
  server: string;
}

const hopNames: Readonly<Record<Hop, string>> = {
  tcp: 'TCP',
  proxy: 'HTTP proxy',
  tls: 'TLS',
  upgrade: 'WebSocket',
  http2: 'HTTP/2',
};

const deadlines: Readonly<Record<Hop, number>> = {
  tcp: agentLinkDelays.dialMs,
  proxy: agentLinkDelays.proxyMs,
  tls: agentLinkDelays.tlsMs,
  upgrade: agentLinkDelays.upgradeMs,
  http2: agentLinkDelays.handshakeMs,
};

/** Climbs. Undefined when a rung is broken: the report then says which. */
export async function climb(
  target: KasTarget,
  clock: Clock,
  seen: Seen,
  report: Report,
): Promise<Reached | undefined> {
  if (!(await resolveName(target, clock, report))) return undefined;
  const ascent = new Ascent(target, clock, seen, report);
  return ascent.reached;
}

/** DNS of whatever is dialled first: kas, or the proxy. */
async function resolveName(target: KasTarget, clock: Clock, report: Report): Promise<boolean> {
  const route = await routeTo(target);
  const whose = route.kind === 'proxy' ? 'proxy' : 'kas';
  const host = route.kind === 'proxy' ? route.proxy.host : target.address.host;
  if (isIP(host) !== 0) return true;
  const rung = whose === 'proxy' ? 'DNS of the proxy' : 'DNS';
  const since = clock.monotonic();
  const fail = (code: string) => {
    const { reason, remedy } = describe({ hop: 'dns', whose, host, code });
    report.add({ part, rung, verdict: 'bad', observed: reason, remedy, tookMs: clock.monotonic() - since });
    return false;
  };
  const found = await within(clock, doctorLimits.dnsMs, () =>
    lookup(host, { all: true }).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown'),
  );
  if (found === late) return fail('no answer');
  if (typeof found === 'string') return fail(found);
  const observed = `${host} is ${found.map(({ address }) => address).join(', ')}`;
  report.add({ part, rung, verdict: 'good', observed, tookMs: clock.monotonic() - since });
  return true;
}

class Ascent {
  readonly reached: Promise<Reached | undefined>;
  readonly #target: KasTarget;
  readonly #clock: Clock;
  readonly #seen: Seen;
  readonly #report: Report;
  readonly #connection: KasConnection;
  readonly #told = new Set<Hop>();
  #hop: Hop = 'tcp';
  #since: number;
  #timer: TimerHandle;
  #sight: Sight | undefined;
  #late = false;
  #up = false;
  #sentAway = false;
  #settle: (reached: Reached | undefined) => void = () => {};
  #lose: (failure: LinkFailure) => void = () => {};
  readonly #lost: Promise<LinkFailure>;

  constructor(target: KasTarget, clock: Clock, seen: Seen, report: Report) {
    this.#target = target;
    this.#clock = clock;
    this.#seen = seen;
    this.#report = report;
    this.#since = clock.monotonic();
    this.#timer = this.#arm('tcp');
    this.reached = new Promise((resolve) => (this.#settle = resolve));
    this.#lost = new Promise((resolve) => (this.#lose = resolve));
    this.#connection = openConnection(target, {
      onHop: (hop) => this.#begun(hop),
      onSight: (sight) => this.#saw(sight),
      onRedirected: (to) => this.#redirected(to),
      onReady: () => this.#ready(),
      onPingAck: () => {},
      onGoAway: () => (this.#sentAway = true),
      onClosed: (failure) => void this.#closed(failure),
    });
  }

  #arm(hop: Hop): TimerHandle {
    return this.#clock.setTimeout(() => {
      this.#late = true;
      this.#connection.destroy();
    }, deadlines[hop]);
  }

  #begun(hop: Hop): void {
    this.#passed();
    this.#enter(hop);
  }

  #enter(hop: Hop): void {
    this.#clock.clearTimeout(this.#timer);
    this.#hop = hop;
    this.#since = this.#clock.monotonic();
    this.#timer = this.#arm(hop);
    this.#sight = undefined;
  }

  #saw(sight: Sight): void {
    this.#sight = sight;
    if (sight.hop !== 'upgrade') return;
    const nowMs = this.#clock.now();
    if (sight.date !== undefined) this.#seen.dates.push({ from: 'kas', date: sight.date, nowMs });
    this.#seen.server = sight.server;
  }

  #redirected(to: string): void {
    const observed = `followed a redirect to ${to}`;
    const remedy = 'Give this address as kas-address: other agents do not follow';
    this.#report.add({ part, rung: hopNames.upgrade, verdict: 'note', observed, remedy });
    this.#enter('tcp');
  }

  /** The present hop is behind us (A1, A2). */
  #passed(): void {
    const hop = this.#hop;
    if (this.#told.has(hop)) return;
    this.#told.add(hop);
    const tookMs = this.#clock.monotonic() - this.#since;
    this.#report.add({ part, rung: hopNames[hop], verdict: 'good', tookMs, ...this.#observed(hop) });
  }

  #observed(hop: Hop): { readonly observed: string; readonly details?: readonly string[] } {
    const sight = this.#sight;
    switch (sight?.hop) {
      case 'tcp':
        return { observed: `${sight.whose === 'proxy' ? 'the proxy at ' : ''}${sight.remote} accepts` };
      case 'proxy':
        return { observed: `${sight.proxy} connects to ${this.#target.address.hostPort}` };
      case 'tls': {
        const alpn = sight.alpn === undefined ? '' : `, ALPN ${sight.alpn}`;
        const trust = sight.isTrusted ? 'trusted' : 'not verified (--kas-insecure-skip-tls-verify)';
        return {
          observed: `${sight.protocol}${alpn}, the certificate is ${trust}`,
          details: chainLines(sight.chain),
        };
      }
      case 'upgrade':
        return { observed: `switched protocols${sight.server === '' ? '' : `, says ${sight.server}`}` };
      case undefined:
        return { observed: hop === 'http2' ? 'kas sent its settings' : 'passed' };
    }
  }

  #ready(): void {
    this.#passed();
    this.#clock.clearTimeout(this.#timer);
    this.#up = true;
    const { session } = this.#connection;
    if (session === undefined) throw new Error('a connection is ready without a session');
    const isSentAway = () => this.#sentAway;
    this.#settle({ session, connection: this.#connection, isSentAway, lost: this.#lost });
  }

  async #closed(failure: LinkFailure): Promise<void> {
    this.#clock.clearTimeout(this.#timer);
    this.#lose(failure);
    if (this.#up) return;
    const whole: LinkFailure = this.#late ? { hop: 'silence', at: this.#hop } : failure;
    const { reason, remedy } = describe(whole);
    const tookMs = this.#clock.monotonic() - this.#since;
    const details =
      whole.hop === 'tls' && whole.whose === 'kas'
        ? await untrustedChain(this.#target, whole.code, this.#clock)
        : undefined;
    const mend =
      remedy === ''
        ? 'kas or something before it ends connections at once: it may be stopping; try again'
        : remedy;
    this.#report.add({
      part,
      rung: rungOf(whole),
      verdict: 'bad',
      observed: reason,
      remedy: mend,
      tookMs,
      ...(details === undefined ? {} : { details }),
    });
    this.#settle(undefined);
  }
}

function rungOf(failure: LinkFailure): string {
  switch (failure.hop) {
    case 'settings':
      return 'settings';
    case 'dns':
    case 'tcp':
    case 'tls': {
      const name = failure.hop === 'dns' ? 'DNS' : hopNames[failure.hop];
      return failure.whose === 'proxy' ? `${name} of the proxy` : name;
    }
    case 'silence':
      return failure.at === 'keepalive' ? hopNames.http2 : hopNames[failure.at];
    case 'proxy':
    case 'upgrade':
    case 'http2':
      return hopNames[failure.hop];
  }
}
