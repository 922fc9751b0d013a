/** Addresses of Gitaly servers as GitLab writes them (`spec/gitlab.md §3.1`), made into what the gRPC library dials. */

export interface GitalyAddress {
  /** For the gRPC library; without a scheme it knows when `nameServer` is set. */
  readonly target: string;
  readonly secure: boolean;
  /** Absent for sockets in the file system. */
  readonly endpoint?: { readonly host: string; readonly port: number };
  /** The one name server to ask for the host. */
  readonly nameServer?: string;
}
export type ParsedAddress =
  | { readonly kind: 'address'; readonly address: GitalyAddress }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Of names without a port in `dns:` addresses. */
const dnsPort = 443;

export function parseGitalyAddress(text: string): ParsedAddress {
  const colon = text.indexOf(':');
  const rest = text.slice(colon + 1);
  switch (text.slice(0, colon)) {
    case 'unix':
      return unixAddress(rest);
    case 'tcp':
    case 'tls':
      return hostAddress(rest, text.startsWith('tls'));
    case 'dns':
      return dnsAddress(rest);
    default:
      return invalid('has an unknown scheme; use tcp://, tls://, unix: or dns:');
  }
}

function unixAddress(rest: string): ParsedAddress {
  const path = rest.startsWith('//') ? rest.slice(2) : rest;
  if (path === '' || path.includes('\0')) return invalid('names no socket; write unix:/path/to/socket');
  return { kind: 'address', address: { target: `unix:${path}`, secure: false } };
}

function hostAddress(rest: string, secure: boolean): ParsedAddress {
  const authority = rest.startsWith('//') ? rest.slice(2) : '';
  const endpoint = splitEndpoint(authority);
  if (endpoint?.port === undefined) {
    return invalid('must be a host and a port without a path, like tcp://gitaly.example.com:8075');
  }
  return made({ ...endpoint, port: endpoint.port }, secure);
}

function dnsAddress(rest: string): ParsedAddress {
  const form = /^(?:\/\/(?<nameServer>[^/]*)\/)?(?<authority>[^/]*)$/.exec(rest)?.groups;
  const endpoint = splitEndpoint(form?.['authority'] ?? '');
  if (endpoint === undefined)
    return invalid('names no host; write dns:host:port or dns://nameserver/host:port');
  const parsed = made({ ...endpoint, port: endpoint.port ?? dnsPort }, false);
  const nameServer = form?.['nameServer'] ?? '';
  if (parsed.kind === 'invalid' || nameServer === '') return parsed;
  if (!/^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/.test(nameServer)) {
    return invalid('names a name server that is no IP address');
  }
  return { kind: 'address', address: { ...parsed.address, nameServer } };
}

function made(endpoint: { host: string; port: number }, secure: boolean): ParsedAddress {
  const target = `dns:${endpointText(endpoint.host, endpoint.port)}`;
  return { kind: 'address', address: { target, secure, endpoint } };
}

/** `host:port`, with brackets around an IPv6 address. */
export function endpointText(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function splitEndpoint(text: string): { host: string; port: number | undefined } | undefined {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[A-Za-z0-9._-]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const host = match?.groups?.['v6'] ?? match?.groups?.['name'];
  if (host === undefined) return undefined;
  const digits = match?.groups?.['port'];
  if (digits === undefined) return { host, port: undefined };
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** The address itself is not repeated: it may have been put together wrongly, with a password in it. */
function invalid(what: string): ParsedAddress {
  return { kind: 'invalid', reason: `Gitaly address ${what}` };
}
