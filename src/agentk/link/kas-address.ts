/**
 * Where kas is, from `--kas-address`, and the extra headers of `--kas-header` (`spec/agentk.md §1.4`, `spec/wire.md §4.1`).
 * Both are checked once at start; what is wrong is an error a person reads, so it comes as text.
 */
import { metadataOf } from '../../protocol/index.ts';
import type { Metadata } from '../../protocol/index.ts';
import { agentkLimits } from '../limits.ts';

export interface KasAddress {
  readonly secure: boolean;
  /** Name or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, IPv6 with brackets. */
  readonly hostPort: string;
}

export type Parsed<T> = { readonly ok: T } | { readonly error: string };

const defaultPorts: Readonly<Record<string, number>> = { grpc: 80, grpcs: 443 };

/** Takes `grpc://host[:port]` and `grpcs://host[:port]`; path and query are ignored. */
export function parseKasAddress(address: string): Parsed<KasAddress> {
  if (address === '') return { error: 'kas-address must be given' };
  const url = URL.parse(address);
  if (url === null) return { error: `invalid kas-address: ${JSON.stringify(address)}` };
  const scheme = url.protocol.slice(0, -1);
  const defaultPort = defaultPorts[scheme];
  if (defaultPort === undefined) {
    return {
      error: `unsupported scheme in GitLab Kubernetes Agent Server address: ${JSON.stringify(scheme)}`,
    };
  }
  if (url.hostname === '') return { error: `no host in kas-address: ${JSON.stringify(address)}` };
  const port = url.port === '' ? defaultPort : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { ok: { secure: scheme === 'grpcs', host, port, hostPort: `${url.hostname}:${port}` } };
}

const namePattern = /^[0-9A-Za-z_.-]+$/;
const valuePattern = /^[\x20-\x7e]+$/;

/** Takes `Name: value` lines; repeated names become one metadata value joined with `,`. */
export function parseKasHeaders(lines: readonly string[]): Parsed<Metadata> {
  if (lines.length > agentkLimits.kasHeadersMax)
    return { error: `more than ${agentkLimits.kasHeadersMax} kas headers` };
  const joined = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    const value = line.slice(colon + 1).trim();
    if (!namePattern.test(name) || !valuePattern.test(value)) {
      // The value may be a secret; only a line that has none to hide is shown whole.
      return { error: `invalid header supplied: ${colon < 0 || value === '' ? line : name}` };
    }
    const key = name.toLowerCase();
    const known = joined.get(key);
    joined.set(key, known === undefined ? value : `${known},${value}`);
  }
  return { ok: metadataOf(joined) };
}
