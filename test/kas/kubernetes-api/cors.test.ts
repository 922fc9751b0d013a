import { describe, expect, it } from 'vitest';
import { corsHeaders, preflightHeaders } from '../../../src/kas/kubernetes-api/cors.ts';

const gitlab = 'https://gitlab.example.com';

describe('an Origin', () => {
  it('may be missing', () => {
    expect(corsHeaders(undefined, gitlab)).toEqual([]);
    expect(corsHeaders(undefined, undefined)).toEqual([]);
  });

  it.each([
    'https://gitlab.example.com:443',
    'http://gitlab.example.com',
    'https://gitlab.example.com/',
    'null',
    'https://GITLAB.example.com',
  ])('%s is refused because it is not the configured one', (origin) => {
    expect(corsHeaders(origin, gitlab)).toBeUndefined();
  });

  it('is refused, whatever it is, when none is configured', () => {
    expect(corsHeaders(gitlab, undefined)).toBeUndefined();
  });

  it('that is the configured one gets the three headers', () => {
    expect(corsHeaders(gitlab, gitlab)).toEqual([
      'Access-Control-Allow-Origin',
      gitlab,
      'Access-Control-Allow-Credentials',
      'true',
      'Vary',
      'Origin',
    ]);
  });
});

it('a preflight answer echoes the headers asked for and names the methods', () => {
  expect(preflightHeaders(['X-A, X-B', 'X-C'])).toEqual([
    'Access-Control-Allow-Headers',
    'X-A, X-B',
    'Access-Control-Allow-Headers',
    'X-C',
    'Access-Control-Allow-Methods',
    'GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH',
    'Access-Control-Max-Age',
    '86400',
  ]);
});
