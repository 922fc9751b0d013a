/**
 * Which way out: HTTPS_PROXY, HTTP_PROXY and NO_PROXY as Go programs read them, upper case before lower case. A proxy that
 * is named but cannot be used is a failure of the connection that needs it, not a silent way around it.
 *
 * P1. NO_PROXY: names with their subdomains, `.name` and `*.name` for subdomains alone, addresses, networks, each but the
 *     networks with an optional port, and `*` for everything. This machine is never reached through a proxy.
 * P2. User and password of a proxy are for its header alone: nothing here puts them into a text.
 */
import { BlockList, isIP } from 'node:net';

export interface HttpProxy {
  /** The proxy itself is spoken to over TLS. */
  readonly secure: boolean;
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Scheme, host and port, for people. */
  readonly shown: string;
  /** Value of `Proxy-Authorization`. */
  readonly authorization: string | undefined;
}

export type Route =
  | { readonly kind: 'direct' }
  | { readonly kind: 'proxy'; readonly proxy: HttpProxy }
  | { readonly kind: 'unusable'; readonly reason: string };

interface Destination {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** What the host's name resolves to, where that decides as well. */
  readonly addresses?: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

export class ProxyEnvironment {
  readonly #proxies: Readonly<Record<'http' | 'https', Route>>;
  readonly #exceptions: Exceptions;

  constructor(environment: Environment) {
    const read = (name: string) => environment[name] || environment[name.toLowerCase()] || '';
    this.#proxies = {
      http: proxyRoute('HTTP_PROXY', read('HTTP_PROXY')),
      https: proxyRoute('HTTPS_PROXY', read('HTTPS_PROXY')),
    };
    this.#exceptions = new Exceptions(read('NO_PROXY'));
  }

  /** Some exception is an address, so what a name resolves to may matter. */
  get knowsAddresses(): boolean {
    return this.#exceptions.knowsAddresses;
  }

  /** True when a proxy is set for such URLs, whatever the destination. */
  proxies(scheme: 'http' | 'https'): boolean {
    return this.#proxies[scheme].kind !== 'direct';
  }

  routeTo(scheme: 'http' | 'https', destination: Destination): Route {
    const route = this.#proxies[scheme];
    return route.kind === 'direct' || this.#exceptions.cover(destination) ? { kind: 'direct' } : route;
  }
}

function proxyRoute(name: string, value: string): Route {
  if (value === '') return { kind: 'direct' };
  const url = URL.parse(value.includes('://') ? value : `http://${value}`);
  if (url === null || url.host === '') {
    return {
      kind: 'unusable',
      reason: `${name} is no URL of a proxy, such as http://proxy.example.com:3128`,
    };
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    const reason = `${name} names a proxy of the kind ${url.protocol.slice(0, -1)}; only http and https are supported`;
    return { kind: 'unusable', reason };
  }
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  return {
    kind: 'proxy',
    proxy: {
      secure,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port,
      shown: `${url.protocol}//${url.hostname}:${port}`,
      authorization:
        credentials === ':' ? undefined : `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`, // P2
    },
  };
}

/** NO_PROXY (P1). */
class Exceptions {
  #everything = false;
  readonly #names: { readonly suffix: string; readonly itself: boolean; readonly port: string }[] = [];
  /** By port, the empty one for all. */
  readonly #addresses = new Map<string, BlockList>();

  constructor(list: string) {
    for (const part of list.split(',')) this.#add(part.trim().toLowerCase());
  }

  get knowsAddresses(): boolean {
    return this.#addresses.size > 0;
  }

  cover({ host, port, addresses = [] }: Destination): boolean {
    const name = host.toLowerCase();
    if (name === 'localhost' || (isIP(host) !== 0 && loopback.check(host, familyOf(host)))) return true;
    if (this.#everything) return true;
    const ips = isIP(host) === 0 ? addresses : [host];
    for (const at of ['', String(port)]) {
      const known = this.#addresses.get(at);
      if (known !== undefined && ips.some((ip) => known.check(ip, familyOf(ip)))) return true;
    }
    return this.#names.some(
      ({ suffix, itself, port: at }) =>
        (at === '' || at === String(port)) && (name.endsWith(suffix) || (itself && name === suffix.slice(1))),
    );
  }

  #add(entry: string): void {
    if (entry === '') return;
    if (entry === '*') {
      this.#everything = true;
      return;
    }
    const network = /^(.+)\/(\d{1,3})$/.exec(entry);
    if (network?.[1] !== undefined && isIP(network[1]) !== 0) {
      const [, base] = network;
      const bits = Number(network[2]);
      if (bits <= (isIP(base) === 6 ? 128 : 32)) this.#listFor('').addSubnet(base, bits, familyOf(base));
      return;
    }
    const withPort = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(entry);
    const host = (withPort?.[1] ?? withPort?.[2] ?? entry).replace(/^\[|\]$/g, '');
    const port = withPort?.[3] ?? '';
    if (host === '') return;
    if (isIP(host) !== 0) this.#listFor(port).addAddress(host, familyOf(host));
    else {
      const suffix = host.startsWith('*.') ? host.slice(1) : host;
      const itself = !suffix.startsWith('.');
      this.#names.push({ suffix: itself ? `.${suffix}` : suffix, itself, port });
    }
  }

  #listFor(port: string): BlockList {
    const known = this.#addresses.get(port) ?? new BlockList();
    this.#addresses.set(port, known);
    return known;
  }
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function familyOf(ip: string): 'ipv4' | 'ipv6' {
  return isIP(ip) === 6 ? 'ipv6' : 'ipv4';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
