import { describe, expect, test } from 'vitest';
import {
  authorityOf,
  parseKasAddress,
  parseKasHeaders,
  upgradeHeadersOf,
} from '../../src/agentk/link/index.ts';

describe('the address of kas', () => {
  test.each([
    ['grpc://kas', false, 'kas', 'kas:80', undefined],
    ['grpcs://kas.example.com', true, 'kas.example.com', 'kas.example.com:443', undefined],
    ['grpc://127.0.0.1:8150/path?query', false, '127.0.0.1', '127.0.0.1:8150', undefined],
    ['grpcs://[fd00::1]:8443', true, 'fd00::1', '[fd00::1]:8443', undefined],
    ['ws://kas', false, 'kas', 'kas:80', 'ws://kas/'],
    ['ws://kas:8150/', false, 'kas', 'kas:8150', 'ws://kas:8150/'],
    [
      'wss://gitlab.example.com/-/kubernetes-agent/',
      true,
      'gitlab.example.com',
      'gitlab.example.com:443',
      'wss://gitlab.example.com/-/kubernetes-agent/',
    ],
    ['wss://kas:443/no-slash', true, 'kas', 'kas:443', 'wss://kas/no-slash'],
    ['wss://[::1]:8443/x?y=z#w', true, '::1', '[::1]:8443', 'wss://[::1]:8443/x?y=z'],
  ])('%s is understood', (address, secure, host, hostPort, webSocket) => {
    const parsed = parseKasAddress(address);
    if ('error' in parsed) throw new Error(parsed.error);
    expect([parsed.ok.secure, parsed.ok.host, parsed.ok.hostPort, parsed.ok.webSocket?.href]).toEqual([
      secure,
      host,
      hostPort,
      webSocket,
    ]);
  });

  test.each([
    ['', 'kas-address must be given'],
    ['kas.example.com', 'invalid kas-address: "kas.example.com"'],
    ['grpc://', 'invalid kas-address: "grpc://"'],
    ['https://kas', 'unsupported scheme in GitLab Kubernetes Agent Server address: "https"'],
    ['kas:8150', 'unsupported scheme in GitLab Kubernetes Agent Server address: "kas"'],
  ])('%j is refused', (address, error) => {
    const parsed = parseKasAddress(address);
    expect('error' in parsed ? parsed.error.replace('no host in', 'invalid') : parsed).toBe(error);
  });

  test('is shown without user and password', () => {
    const parsed = parseKasAddress('wss://user:secret@kas/path/');
    expect('ok' in parsed && [parsed.ok.shown, parsed.ok.webSocket?.password]).toEqual([
      'wss://kas/path/',
      'secret',
    ]);
  });

  test.each([
    ['grpc://kas', undefined, 'kas:80'],
    ['grpcs://kas', undefined, 'kas:443'],
    ['grpcs://kas', 'other', 'other'],
    ['wss://kas.example.com/path/', 'other', 'wss:%2F%2Fkas.example.com%2Fpath%2F'],
  ])('%s with server name %s is the authority %s', (text, serverName, authority) => {
    const address = parseKasAddress(text);
    if ('error' in address) throw new Error(address.error);
    const tls = { caFile: undefined, serverName, skipVerify: false };
    expect(authorityOf({ address: address.ok, tls })).toBe(authority);
  });
});

describe('extra headers for kas', () => {
  test('become lower-case metadata, repeated ones joined', () => {
    const parsed = parseKasHeaders(['X-Route: a', ' x-route :b:c', 'Other: 1']);
    expect('ok' in parsed && [...parsed.ok]).toEqual([
      ['x-route', ['a,b:c']],
      ['other', ['1']],
    ]);
  });

  test.each(['no colon', ': value', 'Name:', 'Name:   ', 'Na me: x', 'Name: \u{1F600}'])(
    '%j is refused',
    (line) => {
      const parsed = parseKasHeaders([line]);
      expect('error' in parsed && parsed.error).toMatch(/^invalid header supplied: /);
    },
  );

  test('that are refused do not show their value', () => {
    expect(parseKasHeaders(['Bad Name: secret'])).toEqual({ error: 'invalid header supplied: Bad Name' });
  });
});

test('an upgrade request carries the extra headers but for those of the handshake itself', () => {
  const parsed = parseKasHeaders([
    'X-Route: a',
    'x-route: b',
    'User-Agent: mine',
    'Host: elsewhere',
    'Sec-WebSocket-Key: x',
    'Connection: close',
  ]);
  expect('ok' in parsed && upgradeHeadersOf(parsed.ok, 'gitlab-agent/v1/abc')).toEqual({
    'x-route': 'a,b',
    'user-agent': 'gitlab-agent/v1/abc',
  });
});
