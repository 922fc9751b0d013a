/**
 * Proxies by environment, as Go reads it (`spec/kas.md §1.2`): `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or their
 * lower-case forms.
 *
 * 1. The machine itself is never reached through a proxy.
 * 2. A proxy that is not understood is an error, not a direct connection: direct ones may be forbidden.
 */
import { BlockList, isIP } from 'node:net';

export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;
export type ProxyVerdict =
  | { readonly kind: 'direct' }
  | { readonly kind: 'proxy'; readonly url: URL }
  | { readonly kind: 'invalid'; readonly reason: string };

/** The proxy for a host and port, reached with TLS or without. */
export function proxyOf(
  environment: ProxyEnvironment,
  { host, port, secure }: { readonly host: string; readonly port: number; readonly secure: boolean },
): ProxyVerdict {
  const name = secure ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value = setting(environment, name);
  if (value === '' || isThisMachine(host) || isExempt(setting(environment, 'NO_PROXY'), host, port)) {
    return { kind: 'direct' }; // 1
  }
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return { kind: 'invalid', reason: `${name} must be an http:// or https:// URL` }; // 2
  }
  return { kind: 'proxy', url };
}

function setting(environment: ProxyEnvironment, name: string): string {
  return environment[name] || environment[name.toLowerCase()] || '';
}

function isThisMachine(host: string): boolean {
  const { address } = withoutBrackets(host);
  return address === 'localhost' || address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address);
}

/** Entries are `*`, names (with all below them), `.names` (only below), addresses and networks, each with a port or not. */
function isExempt(exemptions: string, host: string, port: number): boolean {
  const { address } = withoutBrackets(host.toLowerCase());
  return exemptions
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && matches(entry, address, port));
}

function matches(entry: string, address: string, port: number): boolean {
  if (entry === '*') return true;
  const network = /^(?<base>[0-9a-f:.]+)\/(?<bits>\d{1,3})$/.exec(entry)?.groups;
  if (network !== undefined) return inNetwork(network['base'] ?? '', Number(network['bits']), address);
  const { address: named, port: atPort } = withoutBrackets(entry);
  if (atPort !== undefined && atPort !== port) return false;
  if (isIP(named) > 0 || isIP(address) > 0) return named === address;
  const domain = named.replace(/^\*(?=\.)/, '');
  return domain.startsWith('.')
    ? address.endsWith(domain)
    : address === domain || address.endsWith(`.${domain}`);
}

function inNetwork(base: string, bits: number, address: string): boolean {
  const family = isIP(base);
  if (family === 0 || family !== isIP(address) || bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(base, bits, family === 4 ? 'ipv4' : 'ipv6');
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function withoutBrackets(text: string): { address: string; port: number | undefined } {
  if (isIP(text) === 6) return { address: text, port: undefined };
  const match = /^(?:\[(?<v6>[^\]]*)\]|(?<name>[^:]*))(?::(?<port>\d+))?$/.exec(text);
  const address = match?.groups?.['v6'] ?? match?.groups?.['name'] ?? text;
  const port = match?.groups?.['port'];
  return { address, port: port === undefined ? undefined : Number(port) };
}
