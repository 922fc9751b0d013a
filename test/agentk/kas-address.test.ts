import { describe, expect, test } from 'vitest';
import { parseKasAddress, parseKasHeaders } from '../../src/agentk/link/index.ts';

describe('the address of kas', () => {
  test.each([
    ['grpc://kas', { secure: false, host: 'kas', port: 80, hostPort: 'kas:80' }],
    [
      'grpcs://kas.example.com',
      { secure: true, host: 'kas.example.com', port: 443, hostPort: 'kas.example.com:443' },
    ],
    [
      'grpc://127.0.0.1:8150/path?query',
      { secure: false, host: '127.0.0.1', port: 8150, hostPort: '127.0.0.1:8150' },
    ],
    ['grpcs://[fd00::1]:8443', { secure: true, host: 'fd00::1', port: 8443, hostPort: '[fd00::1]:8443' }],
  ])('%s is understood', (address, expected) => {
    expect(parseKasAddress(address)).toEqual({ ok: expected });
  });

  test.each([
    ['', 'kas-address must be given'],
    ['kas.example.com', 'invalid kas-address: "kas.example.com"'],
    ['grpc://', 'invalid kas-address: "grpc://"'],
    ['https://kas', 'unsupported scheme in GitLab Kubernetes Agent Server address: "https"'],
    ['wss://kas', 'unsupported scheme in GitLab Kubernetes Agent Server address: "wss"'],
  ])('%j is refused', (address, error) => {
    const parsed = parseKasAddress(address);
    expect('error' in parsed ? parsed.error.replace('no host in', 'invalid') : parsed).toBe(error);
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
