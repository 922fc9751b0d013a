import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { answerStatus } from '../../../src/kas/kubernetes-api/status-answer.ts';
import { readFields, textOf } from './protobuf-fields.ts';

interface Asked {
  readonly accept?: string;
  readonly userAgent?: string;
  readonly rawQuery?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** What is written to the socket of a response, parsed by hand. */
function answer(asked: Asked, code = 404, message = 'gone', headers: readonly string[] = []): Answer {
  const chunks: Buffer[] = [];
  const wire = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.assignSocket(wire as unknown as Socket); // only written to
  answerStatus(response, { accept: '', userAgent: '', rawQuery: '', ...asked }, code, message, headers);
  const bytes = Buffer.concat(chunks);
  const end = bytes.indexOf('\r\n\r\n');
  const [line = '', ...fields] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const pairs = fields.map((field): [string, string] => {
    const [name = '', value = ''] = field.split(': ', 2);
    return [name.toLowerCase(), value];
  });
  return { status: Number(line.split(' ')[1]), headers: new Map(pairs), body: bytes.subarray(end + 4) };
}

const object = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'GitLab Agent Server: gone',
  reason: 'NotFound',
  code: 404,
};

describe('an error of kas', () => {
  it('is compact JSON with a newline by default', () => {
    const given = answer({});
    expect(given.status).toBe(404);
    expect(given.body.toString()).toBe(`${JSON.stringify(object)}\n`);
    expect(given.headers.get('server')).toMatch(/^gitlab-kas\/[^/]+\/[^/]+$/);
  });

  it.each([
    ['*/*', 'json'],
    ['application/*', 'json'],
    ['application/json', 'json'],
    ['text/html, application/json;q=0.9', 'json'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'json'],
    ['application/yaml', 'yaml'],
    ['application/vnd.kubernetes.protobuf, */*', 'protobuf'],
    ['APPLICATION/JSON', 'json'],
  ])('for Accept %s has the form %s', (accept, form) => {
    const given = answer({ accept });
    expect(given.status).toBe(404);
    if (form === 'json') expect(JSON.parse(given.body.toString())).toEqual(object);
    if (form === 'yaml') expect(load(given.body.toString())).toEqual(object);
    if (form === 'protobuf') expect(given.body.subarray(0, 4).toString('latin1')).toBe('k8s\0');
  });

  it.each(['text/html', 'application/json;as=Table;v=v1;g=meta.k8s.io', 'image/*'])(
    'that cannot be given as %s is a 406 in plain text',
    (accept) => {
      const given = answer({ accept });
      expect(given.status).toBe(406);
      expect(given.body.toString()).toMatch(/^GitLab Agent Server: Failed to negotiate output media type: /);
    },
  );

  it.each([
    [{ rawQuery: 'pretty=1' }, true],
    [{ rawQuery: 'a=b&pretty=true' }, true],
    [{ rawQuery: 'pretty=0', userAgent: 'curl/8' }, false],
    [{ rawQuery: 'pretty=maybe' }, false],
    [{ userAgent: 'curl/8.0' }, true],
    [{ userAgent: 'Wget/1.2' }, true],
    [{ userAgent: 'Mozilla/5.0 (X11)' }, true],
    [{ userAgent: 'kubectl/v1.30' }, false],
    [{ accept: 'application/json;pretty=1' }, true],
  ] satisfies [Asked, boolean][])('asked with %j is pretty: %s', (asked, pretty) => {
    const expected = pretty ? JSON.stringify(object, undefined, 2) : `${JSON.stringify(object)}\n`;
    expect(answer(asked).body.toString()).toBe(expected);
  });

  it.each([
    [400, 'BadRequest'],
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [404, 'NotFound'],
    [405, 'MethodNotAllowed'],
    [406, 'NotAcceptable'],
    [409, 'Conflict'],
    [410, 'Gone'],
    [413, 'RequestEntityTooLarge'],
    [415, 'UnsupportedMediaType'],
    [422, 'Invalid'],
    [429, 'TooManyRequests'],
    [500, 'InternalError'],
    [502, undefined],
    [503, 'ServiceUnavailable'],
    [504, 'Timeout'],
  ])('with code %d has the reason %s', (code, reason) => {
    const parsed = JSON.parse(answer({}, code).body.toString()) as { code: number; reason?: string };
    expect(parsed.code).toBe(code);
    expect(parsed.reason).toBe(reason);
  });

  it('carries the headers it was given', () => {
    expect(answer({}, 401, 'no', ['Gitlab-Unauthorized', 'true']).headers.get('gitlab-unauthorized')).toBe(
      'true',
    );
  });

  it('in protobuf form can be read by others', () => {
    const message = `${'long '.repeat(60)}äöü`;
    const { body } = answer({ accept: 'application/vnd.kubernetes.protobuf' }, 403, message);
    const unknown = readFields(body.subarray(4));
    const typeMeta = readFields(unknown.get(1));
    expect([textOf(typeMeta.get(1)), textOf(typeMeta.get(2))]).toEqual(['v1', 'Status']);
    const status = readFields(unknown.get(2));
    expect(textOf(status.get(2))).toBe('Failure');
    expect(textOf(status.get(3))).toBe(`GitLab Agent Server: ${message}`);
    expect(textOf(status.get(4))).toBe('Forbidden');
    expect(status.get(6)).toBe(403n);
    expect(
      readFields(answer({ accept: 'application/vnd.kubernetes.protobuf' }, 502).body.subarray(4)).has(2),
    ).toBe(true);
  });

  it('says what it is in Content-Type', () => {
    for (const accept of ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'])
      expect(answer({ accept }).headers.get('content-type')).toBe(accept);
    expect(answer({ accept: 'image/png' }).headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });

  it('is not given when the head was written already', () => {
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    response.writeHead(200);
    answerStatus(response, { accept: '', userAgent: '', rawQuery: '' }, 502, 'late');
    expect(response.statusCode).toBe(200);
    expect(response.writableEnded).toBe(false);
  });
});
