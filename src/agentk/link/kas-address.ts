/**
 * Where kas is, from `--kas-address`, and the extra headers of `--kas-header` (`spec/agentk.md §1.4`, `spec/wire.md §4.1`).
 * Both are checked once at start; what is wrong is an error a person reads, so it comes as text.
 */
import { metadataOf } from '../../protocol/index.ts';
import type { Metadata } from '../../protocol/index.ts';
import { agentkLimits } from '../limits.ts';

export interface KasAddress {
  readonly scheme: 'grpc' | 'grpcs' | 'ws' | 'wss';
  readonly secure: boolean;
  /** Name or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, IPv6 with brackets. */
  readonly hostPort: string;
  /** What a WebSocket is asked for, with its path; undefined for native gRPC. */
  readonly webSocket: URL | undefined;
  /** For logs: without user and password. */
  readonly shown: string;
}

export type Parsed<T> = { readonly ok: T } | { readonly error: string };

const schemes = {
  grpc: { secure: false, port: 80 },
  grpcs: { secure: true, port: 443 },
  ws: { secure: false, port: 80 },
  wss: { secure: true, port: 443 },
} as const;

/**
 * Takes `grpc://host[:port]` and `grpcs://host[:port]`, whose path and query are ignored, and `ws://` and `wss://` URLs,
 * which are asked for as they are.
 */
export function parseKasAddress(address: string): Parsed<KasAddress> {
  if (address === '') return { error: 'kas-address must be given' };
  const url = URL.parse(address);
  if (url === null) return { error: `invalid kas-address: ${JSON.stringify(address)}` };
  const scheme = url.protocol.slice(0, -1);
  if (!isScheme(scheme)) {
    return {
      error: `unsupported scheme in GitLab Kubernetes Agent Server address: ${JSON.stringify(scheme)}`,
    };
  }
  if (url.hostname === '') return { error: `no host in kas-address: ${JSON.stringify(address)}` };
  const { secure, port: defaultPort } = schemes[scheme];
  const port = url.port === '' ? defaultPort : Number(url.port);
  url.hash = '';
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return {
    ok: {
      scheme,
      secure,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port,
      hostPort: `${url.hostname}:${port}`,
      webSocket: scheme === 'ws' || scheme === 'wss' ? url : undefined,
      shown: shown.href,
    },
  };
}

function isScheme(text: string): text is keyof typeof schemes {
  return Object.hasOwn(schemes, text);
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

/** Headers that belong to the handshake itself; the original overwrites them in the same way. */
const handshakeHeaders =
  /^(?:host|connection|upgrade|sec-websocket-.*|user-agent|content-length|transfer-encoding)$/;

/** The extra headers as an upgrade request carries them (`spec/agentk.md §1.4`). */
export function upgradeHeadersOf(headers: Metadata, userAgent: string): Readonly<Record<string, string>> {
  const kept = [...headers].filter(([name]) => !handshakeHeaders.test(name));
  return Object.fromEntries([
    ...kept.map(([name, values]) => [name, values.join(',')] as const),
    ['user-agent', userAgent] as const,
  ]);
}
