import { describe, expect, it } from 'vitest';
import { ownPrivateApiUrl, type OwnUrlInputs } from '../../src/kas/own-url.ts';

type Environment = Readonly<Partial<Record<'URL' | 'CIDR' | 'SCHEME' | 'PORT' | 'HOST', string>>>;

function decide(environment: Environment, listen: Partial<OwnUrlInputs['listen']> = {}) {
  return ownPrivateApiUrl({
    environment: Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [`OWN_PRIVATE_API_${name}`, value]),
    ),
    listen: { network: 'tcp', address: '10.1.2.3:8155', certificate_file: '', ...listen },
    interfaces: ['127.0.0.1', '::1', '10.1.2.3', '192.168.7.1', '192.168.7.2', 'fd00::5', '10.1.2.3'],
  });
}

const wild = { address: ':8155' };
const secure = { certificate_file: 'tls.crt' };

describe('the URL by which other kas find this one', () => {
  it.each<[string, Environment, Partial<OwnUrlInputs['listen']>, string]>([
    ['as it is given', { URL: 'grpc://kas-0.kas:8155' }, wild, 'grpc://kas-0.kas:8155'],
    ['as it is given, of a socket', { URL: 'unix:/run/kas.sock' }, wild, 'unix:/run/kas.sock'],
    ['the one address in a network', { CIDR: '10.0.0.0/8' }, wild, 'grpc://10.1.2.3:8155'],
    ['with another port', { CIDR: '10.0.0.0/8', PORT: '443' }, wild, 'grpc://10.1.2.3:443'],
    ['with another scheme', { CIDR: '10.0.0.0/8', SCHEME: 'grpcs' }, wild, 'grpcs://10.1.2.3:8155'],
    ['of IPv6 in brackets', { CIDR: 'fd00::/8' }, wild, 'grpc://[fd00::5]:8155'],
    [
      'the port of the environment for a socket',
      { CIDR: '10.0.0.0/8', PORT: '1' },
      { network: 'unix', address: '/s' },
      'grpc://10.1.2.3:1',
    ],
    ['the listen address', {}, {}, 'grpc://10.1.2.3:8155'],
    [
      'the listen address with a name',
      { SCHEME: 'grpcs' },
      { address: 'kas.local:1' },
      'grpcs://kas.local:1',
    ],
    ['the listen address, whatever the port variable says', { PORT: '9' }, {}, 'grpc://10.1.2.3:8155'],
    ['the listen address of IPv6', {}, { address: '[fd00::5]:1' }, 'grpc://[fd00::5]:1'],
    ['the path of a socket', {}, { network: 'unix', address: '/run/kas.sock' }, 'unix:///run/kas.sock'],
    [
      'empty variables count as unset',
      { URL: '', CIDR: '', SCHEME: '', PORT: '' },
      {},
      'grpc://10.1.2.3:8155',
    ],
  ])('%s', (_, environment, listen, url) => {
    expect(decide(environment, listen)).toEqual({ kind: 'ok', url, serverName: undefined });
  });

  it('comes with the name in the certificates', () => {
    expect(decide({ HOST: 'kas.internal' }, secure)).toMatchObject({ serverName: 'kas.internal' });
  });

  it.each<[Environment, Partial<OwnUrlInputs['listen']>, RegExp]>([
    [{ URL: 'grpc://a:1', CIDR: '10.0.0.0/8' }, {}, /URL and OWN_PRIVATE_API_CIDR exclude each other/],
    [{ URL: 'https://kas:1' }, {}, /begins with none of grpc:\/\/, grpcs:\/\/ and unix:/],
    [{ CIDR: '172.16.0.0/12' }, {}, /has no address in 172\.16\.0\.0\/12, expected exactly one/],
    [{ CIDR: '192.168.0.0/16' }, {}, /has the addresses 192\.168\.7\.1, 192\.168\.7\.2 in/],
    [{ CIDR: '10.0.0.0' }, {}, /is no network such as/],
    [{ CIDR: '10.0.0.0/33' }, {}, /is no network such as/],
    [{ CIDR: '10.0.0.0/8' }, { network: 'unix', address: '/s' }, /PORT: needed with OWN_PRIVATE_API_CIDR/],
    [{ SCHEME: 'http' }, {}, /SCHEME: "http" is neither grpc nor grpcs/],
    [{ PORT: '0' }, {}, /PORT: "0" is no port/],
    [{ PORT: '65536' }, {}, /PORT: "65536" is no port/],
    [{}, wild, /one is needed, because other kas cannot dial private_api\.listen\.address :8155/],
    [{}, { address: '0.0.0.0:8155' }, /one is needed/],
    [{}, { address: '[::]:8155' }, /one is needed/],
    [{}, secure, /HOST: needed because private_api\.listen has TLS/],
  ])('%j with %j is refused', (environment, listen, reason) => {
    expect(decide(environment, listen)).toEqual({ kind: 'invalid', reason: expect.stringMatching(reason) });
  });
});
