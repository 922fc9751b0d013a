/**
 * Where a remote may be (`spec/users.md`, vulnerability 17): names are resolved here, the addresses checked, and the connection
 * goes to a checked address, so that a name cannot mean one thing when it is checked and another when it is used.
 *
 * 1. Addresses of this machine, of its link, of private and special networks, and of cloud metadata are refused, whatever
 *    name leads to them.
 * 2. Only a trusted host may have such an address, be asked without TLS, or be redirected to.
 */
import { lookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** IPv4 and IPv6 networks that are not the public Internet. */
const special = networks([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '168.63.129.16/32',
  '::/127',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]);

export const refusedHostCode = 'KAS_ERR_HOST_REFUSED';

export class HostRules {
  readonly #names: ReadonlySet<string>;
  readonly #networks: BlockList;

  constructor(trustedHosts: readonly string[]) {
    this.#names = new Set(trustedHosts.map((one) => one.toLowerCase()));
    this.#networks = networks(trustedHosts.filter((one) => isIP(one.split('/')[0] ?? '') > 0));
  }

  /** Whether the host was named as trusted, or is an address of a trusted network (2). */
  trusts(host: string): boolean {
    const bare = withoutBrackets(host);
    return this.#names.has(bare.toLowerCase()) || contains(this.#networks, bare);
  }

  /** Whether a host may be reached at an address (1, 2). */
  permits(host: string, address: string): boolean {
    if (isIP(address) === 0) return false;
    // An IPv4 address in the clothes of IPv6 is judged as what it is.
    const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
    if (/^::ffff:/i.test(plain)) return this.trusts(host);
    return !contains(special, plain) || this.trusts(host) || contains(this.#networks, plain);
  }

  /** For sockets: the addresses of a host that may be used, or an error with {@link refusedHostCode}. */
  readonly lookup: LookupFunction = (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, '', 0);
      const allowed = found.filter(({ address }) => this.permits(host, address));
      const [first] = allowed;
      if (first === undefined) return done(hostRefused(), '', 0);
      if (options.all === true) (done as unknown as AllFound)(null, allowed);
      else done(null, first.address, first.family);
    });
  };
}

type AllFound = (error: null, addresses: readonly LookupAddress[]) => void;

function hostRefused(): NodeJS.ErrnoException {
  return Object.assign(new Error('host has no address that may be used'), { code: refusedHostCode });
}

export function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function networks(rules: readonly string[]): BlockList {
  const list = new BlockList();
  for (const rule of rules) {
    const [base = '', bits] = rule.split('/');
    const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(base, family);
    else list.addSubnet(base, Number(bits), family);
  }
  return list;
}

function contains(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family > 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
