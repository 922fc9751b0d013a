import { describe, expect, test } from 'vitest';
import { ProxyEnvironment } from '../../src/agentk/link/index.ts';

/** `direct`, the proxy as people see it, or why it cannot be used. */
function way(
  environment: Readonly<Record<string, string>>,
  scheme: 'http' | 'https',
  host: string,
  port = 443,
  addresses?: readonly string[],
): string {
  const route = new ProxyEnvironment(environment).routeTo(scheme, {
    host,
    port,
    ...(addresses === undefined ? {} : { addresses }),
  });
  if (route.kind === 'proxy') return route.proxy.shown;
  return route.kind === 'direct' ? 'direct' : route.reason;
}

const both = { HTTP_PROXY: 'http://plain:3128', HTTPS_PROXY: 'http://secure:3128' };

describe('a proxy', () => {
  test.each([
    [{}, 'https', 'direct'],
    [both, 'https', 'http://secure:3128'],
    [both, 'http', 'http://plain:3128'],
    [{ https_proxy: 'http://low:1' }, 'https', 'http://low:1'],
    [{ https_proxy: 'http://low:1', HTTPS_PROXY: 'http://up:1' }, 'https', 'http://up:1'],
    [{ https_proxy: 'http://low:1', HTTPS_PROXY: '' }, 'https', 'http://low:1'],
    [{ HTTPS_PROXY: 'proxy.example.com:3128' }, 'https', 'http://proxy.example.com:3128'],
    [{ HTTPS_PROXY: 'proxy.example.com' }, 'https', 'http://proxy.example.com:80'],
    [{ HTTPS_PROXY: 'https://proxy.example.com' }, 'https', 'https://proxy.example.com:443'],
    [{ HTTPS_PROXY: 'http://[fd00::1]:8080' }, 'https', 'http://[fd00::1]:8080'],
    [{ ALL_PROXY: 'http://all:1' }, 'https', 'direct'],
  ] as const)('of %j for %s is %s', (environment, scheme, expected) => {
    expect(way(environment, scheme, 'kas.example.com')).toBe(expected);
  });

  test.each([
    ['socks5://proxy:1080', /socks5/],
    ['http://', /no URL of a proxy/],
  ])('%s is no way out, and nobody goes around it', (value, reason) => {
    expect(way({ HTTPS_PROXY: value }, 'https', 'kas.example.com')).toMatch(reason);
    expect(way({ HTTPS_PROXY: value, NO_PROXY: '*' }, 'https', 'kas.example.com')).toBe('direct');
  });

  test('is shown without its password, which is its header', () => {
    const route = new ProxyEnvironment({ HTTPS_PROXY: 'http://me:p%40ss@proxy:3128' }).routeTo('https', {
      host: 'kas',
      port: 443,
    });
    if (route.kind !== 'proxy') throw new Error(route.kind);
    expect(route.proxy.shown).toBe('http://proxy:3128');
    expect(route.proxy.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  });
});

describe('NO_PROXY', () => {
  test.each([
    ['kas.example.com', 'kas.example.com', true],
    ['example.com', 'kas.example.com', true],
    ['example.com', 'badexample.com', false],
    ['.example.com', 'kas.example.com', true],
    ['.example.com', 'example.com', false],
    ['*.example.com', 'kas.example.com', true],
    ['*.example.com', 'example.com', false],
    ['KAS.Example.COM', 'kas.example.com', true],
    [' other , kas.example.com ', 'kas.example.com', true],
    ['kas.example.com:443', 'kas.example.com', true],
    ['kas.example.com:80', 'kas.example.com', false],
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.1.2.3', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3:443', '10.1.2.3', true],
    ['10.1.2.3:80', '10.1.2.3', false],
    ['fd00::/8', 'fd00::1', true],
    ['fd00::1', 'fd00:0::1', true],
    ['[fd00::1]:443', 'fd00::1', true],
    ['*', 'anything', true],
    ['other,*', 'anything', true],
    ['10.0.0.0/8', 'kas.example.com', false],
    [':443,,', 'kas.example.com', false],
    ['', 'localhost', true],
    ['', '127.0.0.1', true],
    ['', '127.9.9.9', true],
    ['', '::1', true],
    ['', 'localhost.example.com', false],
  ])('%j for %s: without proxy %s', (list, host, direct) => {
    expect(way({ ...both, NO_PROXY: list }, 'https', host)).toBe(direct ? 'direct' : 'http://secure:3128');
  });

  test('in lower case counts when there is no other', () => {
    expect(way({ ...both, no_proxy: 'kas' }, 'https', 'kas')).toBe('direct');
    expect(way({ ...both, no_proxy: 'kas', NO_PROXY: 'other' }, 'https', 'kas')).toBe('http://secure:3128');
  });

  test('with addresses also covers a name that resolves to one, where that is asked', () => {
    const environment = { ...both, NO_PROXY: '10.0.0.0/8' };
    expect(new ProxyEnvironment(environment).knowsAddresses).toBe(true);
    expect(way(environment, 'https', 'kas', 443, ['192.0.2.1', '10.1.1.1'])).toBe('direct');
    expect(way(environment, 'https', 'kas', 443, ['192.0.2.1'])).toBe('http://secure:3128');
  });
});
