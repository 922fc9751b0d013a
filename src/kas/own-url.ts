/**
 * Where other kas find this one (`spec/kas.md §2.4`), from the environment and the private listener: decided once at start.
 *
 *   OWN_PRIVATE_API_URL      the whole of it
 *   OWN_PRIVATE_API_CIDR     the network in which this machine has its one address for it; _SCHEME and _PORT go along
 *   neither                  the listen address, when it is one others can dial
 *   OWN_PRIVATE_API_HOST     the name in the certificates of all kas; needed with TLS
 */
import { BlockList, isIP } from 'node:net';

export interface OwnUrlInputs {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `private_api.listen`. */
  readonly listen: { readonly network: string; readonly address: string; readonly certificate_file: string };
  /** The addresses of this machine's interfaces. */
  readonly interfaces: readonly string[];
}

export type OwnUrl =
  | {
      readonly kind: 'ok';
      readonly url: string;
      /** The name in the certificates of other kas; undefined: the host of their URL. */
      readonly serverName: string | undefined;
    }
  | { readonly kind: 'invalid'; readonly reason: string };

const invalid = (reason: string) => ({ kind: 'invalid', reason }) as const;

/** Decides, or says what is missing and which variable mends it. */
export function ownPrivateApiUrl(inputs: OwnUrlInputs): OwnUrl {
  const { environment, listen } = inputs;
  const read = (name: string) => environment[`OWN_PRIVATE_API_${name}`] ?? '';
  const [url, cidr, scheme, port, host] = [
    read('URL'),
    read('CIDR'),
    read('SCHEME') || 'grpc',
    read('PORT'),
    read('HOST'),
  ];
  if (scheme !== 'grpc' && scheme !== 'grpcs') {
    return invalid(`OWN_PRIVATE_API_SCHEME: ${JSON.stringify(scheme)} is neither grpc nor grpcs`);
  }
  if (port !== '' && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    return invalid(`OWN_PRIVATE_API_PORT: ${JSON.stringify(port)} is no port from 1 to 65535`);
  }
  if (listen.certificate_file !== '' && host === '') {
    return invalid(
      'OWN_PRIVATE_API_HOST: needed because private_api.listen has TLS: the name in the certificates of all kas',
    );
  }
  if (url !== '' && cidr !== '') {
    return invalid('OWN_PRIVATE_API_URL and OWN_PRIVATE_API_CIDR exclude each other: unset one of them');
  }
  const found =
    url !== ''
      ? dialable(url)
      : cidr !== ''
        ? fromNetwork(inputs, cidr, port)
        : fromListen(listen.network, listen.address);
  if (found.kind === 'invalid') return found;
  const whole = found.host === undefined ? found.text : `${scheme}://${found.host}`;
  return { kind: 'ok', url: whole, serverName: host === '' ? undefined : host };
}

/** A whole URL, or a host and port that want a scheme. */
type Found =
  | { readonly kind: 'ok'; readonly text: string; readonly host?: undefined }
  | { readonly kind: 'ok'; readonly host: string; readonly text?: undefined }
  | { readonly kind: 'invalid'; readonly reason: string };

/** The originals take anything; what no kas can dial would only show as agents that are never found. */
function dialable(url: string): Found {
  return /^(grpcs?:\/\/[^/]+|unix:.+)/.test(url)
    ? { kind: 'ok', text: url }
    : invalid(
        `OWN_PRIVATE_API_URL: ${JSON.stringify(url)} begins with none of grpc://, grpcs:// and unix:, so other kas cannot dial it`,
      );
}

function fromNetwork({ listen, interfaces }: OwnUrlInputs, cidr: string, port: string): Found {
  const parts = /^(?<base>[0-9a-fA-F:.]+)\/(?<bits>\d{1,3})$/.exec(cidr)?.groups;
  const base = parts?.['base'] ?? '';
  const bits = Number(parts?.['bits']);
  const family = isIP(base);
  if (family === 0 || bits > (family === 4 ? 32 : 128)) {
    return invalid(`OWN_PRIVATE_API_CIDR: ${JSON.stringify(cidr)} is no network such as 10.0.0.0/8`);
  }
  const list = new BlockList();
  list.addSubnet(base, bits, family === 4 ? 'ipv4' : 'ipv6');
  const inside = [...new Set(interfaces)].filter((address) => {
    const own = isIP(address);
    return own === family && list.check(address, own === 4 ? 'ipv4' : 'ipv6');
  });
  const [address] = inside;
  if (address === undefined || inside.length > 1) {
    const which = inside.length === 0 ? 'no address' : `the addresses ${inside.join(', ')}`;
    return invalid(`OWN_PRIVATE_API_CIDR: this machine has ${which} in ${cidr}, expected exactly one`);
  }
  const listenPort = listen.network === 'unix' ? '' : (/:(\d+)$/.exec(listen.address)?.[1] ?? '');
  if (port === '' && listenPort === '') {
    return invalid(
      'OWN_PRIVATE_API_PORT: needed with OWN_PRIVATE_API_CIDR, because private_api.listen has no port',
    );
  }
  return {
    kind: 'ok',
    host: `${family === 6 ? `[${address}]` : address}:${port === '' ? listenPort : port}`,
  };
}

function fromListen(network: string, address: string): Found {
  if (network === 'unix') return { kind: 'ok', text: `unix://${address}` };
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (host === '' || /^(0+\.0+\.0+\.0+|[0:]+)$/.test(host)) {
    return invalid(
      `OWN_PRIVATE_API_URL or OWN_PRIVATE_API_CIDR: one is needed, because other kas cannot dial private_api.listen.address ${address}`,
    );
  }
  return { kind: 'ok', host: address };
}
