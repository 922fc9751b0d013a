import { STATUS_CODES } from 'node:http';
import { describe, expect, it } from 'vitest';
import { httpStatusLine, httpStatusText, kubernetesStatus } from '../../src/protocol/index.ts';

describe('HTTP status texts', () => {
  it('are those of Go, which differ from node in a few words', () => {
    const different = Object.entries(STATUS_CODES)
      .map(([code, text]) => [Number(code), text, httpStatusText(Number(code))] as const)
      .filter(([, node, own]) => node !== own)
      .map(([code, , own]) => [code, own]);
    expect(different).toEqual([
      [413, 'Request Entity Too Large'],
      [414, 'Request URI Too Long'],
      [416, 'Requested Range Not Satisfiable'],
      [418, "I'm a teapot"],
      [509, ''],
    ]);
    expect(httpStatusText(299)).toBe('');
    expect(httpStatusLine(200)).toBe('200 OK');
  });
});

describe('Kubernetes Status', () => {
  it('tells a reason where Kubernetes has one', () => {
    expect(JSON.stringify(kubernetesStatus(404, 'm'))).toBe(
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"m","reason":"NotFound","code":404}',
    );
    expect(JSON.stringify(kubernetesStatus(502, 'm'))).toBe(
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"m","code":502}',
    );
  });

  it('knows the reasons by code', () => {
    const codes = [400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 422, 429, 500, 503, 504];
    expect(codes.map((code) => kubernetesStatus(code, '').reason).join(' ')).toBe(
      'BadRequest Unauthorized Forbidden NotFound MethodNotAllowed NotAcceptable Conflict Gone ' +
        'RequestEntityTooLarge UnsupportedMediaType Invalid TooManyRequests InternalError ServiceUnavailable Timeout',
    );
  });
});
