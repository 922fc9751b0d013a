/**
 * The kept-alive connections to GitLab (`spec/gitlab.md §1.1`).
 *
 * 1. At most `connectionsMax`; requests beyond wait, and their time is bounded by whoever made them.
 * 2. Trusted are the system's authorities, those Node brings along and the configured one. TLS 1.2 is the least.
 * 3. A proxy is used as the environment says; never for this machine itself, as with the originals.
 */
import { createSecureContext, getCACertificates, rootCertificates } from 'node:tls';
import { Agent, EnvHttpProxyAgent, type Dispatcher } from 'undici';
import type { GitLabAddress } from './address.ts';
import { restLimits, restTimes } from './limits.ts';

/** The proxies of the environment; see {@link proxyOfEnvironment}. */
export interface ProxySettings {
  /** For `http:` addresses. */
  readonly http: string;
  /** For `https:` addresses. */
  readonly https: string;
  /** Names, suffixes and addresses for which no proxy is used. */
  readonly none: string;
}

/** The settings in an environment; lower-case names win. */
export function proxyOfEnvironment(environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const read = (name: string) => environment[name.toLowerCase()] ?? environment[name] ?? '';
  return { http: read('HTTP_PROXY'), https: read('HTTPS_PROXY'), none: read('NO_PROXY') };
}

/** The authorities of now; the same object as long as nothing changed. */
export type Authorities = () => readonly string[];

const noAuthorities: readonly string[] = [];

/** Connections that trust what is to be trusted now: with changed authorities new ones are made, old ones finish. */
export class Connections {
  readonly #make: (ca: readonly string[]) => Dispatcher;
  readonly #authorities: Authorities;
  #made: { readonly ca: readonly string[]; readonly dispatcher: Dispatcher };

  /** Throws with a text for people when the proxy's address is none. */
  constructor(
    address: GitLabAddress,
    authorities: Authorities | undefined,
    proxy: ProxySettings | undefined,
  ) {
    this.#make = (ca) => connectionsTo(address, ca, proxy);
    this.#authorities = authorities ?? (() => noAuthorities);
    const ca = this.#authorities();
    this.#made = { ca, dispatcher: this.#make(ca) };
  }

  get current(): Dispatcher {
    const ca = this.#authorities();
    if (ca !== this.#made.ca) {
      void this.#made.dispatcher.close().catch(() => {}); // its requests have heard of their ends themselves
      this.#made = { ca, dispatcher: this.#make(ca) };
    }
    return this.#made.dispatcher;
  }

  destroy(): Promise<void> {
    return this.#made.dispatcher.destroy();
  }
}

function connectionsTo(
  address: GitLabAddress,
  ca: readonly string[],
  proxy: ProxySettings | undefined,
): Dispatcher {
  const secureContext = createSecureContext({ ca: authoritiesWith(ca), minVersion: 'TLSv1.2' });
  const tls = { secureContext, timeout: restTimes.dialMs };
  const options = {
    connections: restLimits.connectionsMax,
    pipelining: 1,
    keepAliveTimeout: restTimes.keepAliveMs,
    keepAliveMaxTimeout: restTimes.keepAliveMs,
    allowH2: false,
    // These times are kept by the exchange, on the injected clock.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: tls,
  };
  const uri = proxy?.[address.scheme] ?? '';
  if (uri === '' || isThisMachine(address.host)) return new Agent(options); // 3
  try {
    return new EnvHttpProxyAgent({
      ...options,
      requestTls: tls,
      proxyTls: tls,
      httpProxy: withScheme(uri),
      httpsProxy: withScheme(uri),
      noProxy: proxy?.none ?? '',
    });
  } catch {
    throw new Error(`${address.scheme.toUpperCase()}_PROXY is not the address of a proxy`);
  }
}

function withScheme(uri: string): string {
  return uri.includes('://') ? uri : `http://${uri}`;
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host) || host === '[::1]';
}

function authoritiesWith(ca: readonly string[]): string[] {
  return [...new Set([...rootCertificates, ...getCACertificates('system'), ...ca])]; // 2
}
