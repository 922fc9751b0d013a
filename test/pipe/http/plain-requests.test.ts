import { createHash, randomBytes } from 'node:crypto';
import * as http from 'node:http';
import { describe, expect, test } from 'vitest';
import { create, toBinary } from '@bufbuild/protobuf';
import { KubernetesHeaderExtraSchema } from '../../../src/protocol/index.ts';
import { Rig, valuesOf } from './rig.ts';

/** An API server that tells what it was asked. */
const mirror: http.RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, rawHeaders } = request;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ method, url, rawHeaders, body: Buffer.concat(chunks).toString('latin1') }));
  });
};

interface Mirrored {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: string[];
  readonly body: string;
}
const read = (body: Buffer) => JSON.parse(body.toString()) as Mirrored;

describe.each([{ reuse: false }, { reuse: true }])('a plain request, reuse: $reuse', ({ reuse }) => {
  test('reaches the API server and comes back', async () => {
    await using rig = await Rig.start({ api: mirror, reuse });
    const answer = await rig.request({ path: '/api/v1/pods?b=2&a=1&a=x%20y', headers: { accept: '*/*' } });
    expect(answer.statusCode).toBe(200);
    const seen = read(answer.body);
    expect(seen).toMatchObject({ method: 'GET', url: '/api/v1/pods?a=1&a=x+y&b=2', body: '' });
    expect(valuesOf(seen.rawHeaders, 'accept')).toEqual(['*/*']);
    expect(valuesOf(seen.rawHeaders, 'authorization')).toEqual(['Bearer agent']);
    expect(valuesOf(seen.rawHeaders, 'via')).toEqual([
      'gRPC/1.0 gitlab-kas/test/0',
      'gRPC/1.0 gitlab-agent/test/0',
    ]);
    expect(valuesOf(seen.rawHeaders, 'host')).toEqual([`127.0.0.1:${rig.apiPort}`]);
    expect(valuesOf(seen.rawHeaders, 'transfer-encoding')).toEqual([]);
    expect(valuesOf(answer.rawHeaders, 'via')).toEqual([
      '1.1 gitlab-agent/test/0',
      'gRPC/1.0 gitlab-kas/test/0',
    ]);
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'served', reusable: reuse, statusCode: 200 });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'served', reusable: reuse, statusCode: 200 });
    expect((await rig.forwarded.at(0)).bytesDown).toBe(answer.body.length);
  });

  test('carries a body of known and of unknown length', async () => {
    await using rig = await Rig.start({ api: mirror, reuse });
    const known = await rig.request(
      { method: 'POST', path: '/x', headers: { 'content-length': 5 } },
      Buffer.from('hello'),
    );
    expect(read(known.body)).toMatchObject({ method: 'POST', body: 'hello' });
    const unknown = await rig.request(
      { method: 'PUT', path: '/y', headers: { 'transfer-encoding': 'chunked' } },
      Buffer.from('chunked'),
    );
    expect(read(unknown.body)).toMatchObject({ method: 'PUT', body: 'chunked' });
    const empty = await rig.request({ method: 'POST', path: '/z', headers: { 'content-length': 0 } });
    expect(read(empty.body)).toMatchObject({ method: 'POST', body: '' });
    expect((await rig.forwarded.at(1)).bytesUp).toBe(7);
    expect((await rig.served.at(1)).bytesUp).toBe(7);
  });

  test('carries 50 MB both ways unharmed', async () => {
    const block = randomBytes(1024 * 1024);
    const total = 50;
    const expected = createHash('md5');
    for (let i = 0; i < total; i += 1) expected.update(block);
    const sum = expected.digest('hex');
    await using rig = await Rig.start({
      reuse,
      api: (request, response) => {
        const got = createHash('md5');
        request.on('data', (chunk: Buffer) => got.update(chunk));
        request.on('end', () => {
          response.setHeader('X-Received', got.digest('hex'));
          let left = total;
          const more = (): void => {
            while (left > 0) {
              left -= 1;
              if (!response.write(block)) return void response.once('drain', more);
            }
            response.end();
          };
          more();
        });
      },
    });
    const answer = await new Promise<{ received: string; sum: string }>((resolve, reject) => {
      const request = http.request(
        { port: rig.port, method: 'POST', path: '/big', agent: false },
        (response) => {
          const got = createHash('md5');
          response.on('data', (chunk: Buffer) => got.update(chunk));
          response.on('end', () =>
            resolve({ received: String(response.headers['x-received']), sum: got.digest('hex') }),
          );
          response.on('error', reject);
        },
      );
      request.on('error', reject);
      let left = total;
      const more = (): void => {
        while (left > 0) {
          left -= 1;
          if (!request.write(block)) return void request.once('drain', more);
        }
        request.end();
      };
      more();
    });
    expect(answer).toEqual({ received: sum, sum });
    expect(await rig.forwarded.at(0)).toMatchObject({
      bytesUp: total * block.length,
      bytesDown: total * block.length,
    });
  });

  test('keeps repeated headers apart in both directions', async () => {
    await using rig = await Rig.start({
      reuse,
      api: (request, response) => {
        response.setHeader('Warning', ['299 - "one"', '299 - "two"']);
        response.setHeader('Set-Cookie', ['a=1', 'b=2']);
        response.end(JSON.stringify(request.rawHeaders));
      },
    });
    const answer = await rig.request({
      path: '/',
      headers: [
        ['Host', 'x'],
        ['Impersonate-User', 'u'],
        ['Impersonate-Group', 'one,1'],
        ['Impersonate-Group', 'two'],
      ].flat(),
    });
    const seen = JSON.parse(answer.body.toString()) as string[];
    expect(valuesOf(seen, 'impersonate-group')).toEqual(['one,1', 'two']);
    expect(valuesOf(answer.rawHeaders, 'warning')).toEqual(['299 - "one"', '299 - "two"']);
    expect(valuesOf(answer.rawHeaders, 'set-cookie')).toEqual(['a=1', 'b=2']);
  });

  test('carries header values of UTF-8 bytes as bytes', async () => {
    const bytes = Buffer.from('ünïcödé').toString('latin1');
    await using rig = await Rig.start({
      reuse,
      api: (request, response) => {
        response.setHeader('X-Back', String(request.headers['x-there']));
        response.end();
      },
    });
    const answer = await rig.request({ path: '/', headers: { 'x-there': bytes } });
    expect(answer.headers['x-back']).toBe(bytes);
  });

  test('answers without a body stay without one', async () => {
    await using rig = await Rig.start({
      reuse,
      api: (request, response) => {
        if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 123 });
        else response.writeHead(request.url === '/304' ? 304 : 204);
        response.end();
      },
    });
    const head = await rig.request({ method: 'HEAD', path: '/' });
    expect(head).toMatchObject({ statusCode: 200, headers: { 'content-length': '123' } });
    expect(await rig.request({ path: '/304' })).toMatchObject({ statusCode: 304 });
    expect(await rig.request({ path: '/204' })).toMatchObject({ statusCode: 204 });
    expect(rig.forwarded.all.map(({ kind }) => kind)).toEqual(['served', 'served', 'served']);
  });

  test('is given each chunk of a watch at once', async () => {
    const steps: (() => void)[] = [];
    await using rig = await Rig.start({
      reuse,
      api: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.flushHeaders();
        steps.push(
          () => response.write('{"event":1}\n'),
          () => response.write('{"event":2}\n'),
          () => response.end(),
        );
      },
    });
    const response = await new Promise<http.IncomingMessage>((resolve) => {
      http.get({ port: rig.port, path: '/watch', agent: false }, resolve);
    });
    expect(response.statusCode).toBe(200); // the header came without any body
    const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    steps[0]?.();
    expect(String((await chunks.next()).value)).toBe('{"event":1}\n');
    steps[1]?.();
    expect(String((await chunks.next()).value)).toBe('{"event":2}\n');
    steps[2]?.();
    expect((await chunks.next()).done).toBe(true);
  });
});

describe('a client that expects 100', () => {
  test('is told to go on, and its body arrives', async () => {
    await using rig = await Rig.start({ api: mirror });
    const body = await new Promise<string>((resolve, reject) => {
      const headers = { expect: '100-continue', 'content-length': 4 };
      const request = http.request({ port: rig.port, method: 'POST', path: '/', agent: false, headers });
      request.on('continue', () => request.end('body'));
      request.on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += String(chunk)));
        response.on('end', () => resolve(text));
      });
      request.on('error', reject);
      request.flushHeaders();
    });
    expect(JSON.parse(body)).toMatchObject({ method: 'POST', body: 'body' });
  });
});

describe('headers kas and agentk decide', () => {
  test('CORS of the cluster is dropped, what kas set wins, Vary is merged', async () => {
    await using rig = await Rig.start({
      preset: { 'Access-Control-Allow-Origin': 'https://gitlab', Vary: 'Origin', 'X-Preset': 'kas' },
      api: (_request, response) => {
        response.writeHead(200, {
          'Access-Control-Allow-Origin': '*',
          Vary: 'Accept',
          'X-Preset': 'cluster',
          'X-Cluster': '1',
          Server: 'cluster',
          Connection: 'X-Hop, close',
          'X-Hop': 'gone',
        });
        response.end('ok');
      },
    });
    const { rawHeaders } = await rig.request({ path: '/' });
    expect(valuesOf(rawHeaders, 'access-control-allow-origin')).toEqual(['https://gitlab']);
    expect(valuesOf(rawHeaders, 'vary')).toEqual(['Accept', 'Origin']);
    expect(valuesOf(rawHeaders, 'x-preset')).toEqual(['kas']);
    expect(valuesOf(rawHeaders, 'x-cluster')).toEqual(['1']);
    expect(valuesOf(rawHeaders, 'server')).toEqual(['cluster']);
    expect(valuesOf(rawHeaders, 'x-hop')).toEqual([]);
  });

  test('the path is re-encoded behind the base path, authorization of the peer is never used', async () => {
    await using rig = await Rig.start({ api: mirror, target: { basePath: '/base' } });
    const answer = await rig.request({ path: '/a%20b/c%3Fd%2Fe!', headers: { 'proxy-authorization': 'x' } });
    expect(read(answer.body).url).toBe('/base/a%20b/c%3Fd/e%21');
  });

  const impConfig = {
    username: 'gitlab:user:jane',
    groups: ['gitlab:user', 'other'],
    uid: 'u1',
    extra: [{ key: 'agent.gitlab.com/id', val: ['1', '2'] }],
  };
  const extra = {
    typeUrl: 'type.googleapis.com/gitlab.agent.kubernetes_api.rpc.HeaderExtra',
    value: toBinary(KubernetesHeaderExtraSchema, create(KubernetesHeaderExtraSchema, { impConfig })),
  };

  test('the impersonation kas sends becomes headers', async () => {
    await using rig = await Rig.start({ api: mirror, extra });
    const { rawHeaders } = read((await rig.request({ path: '/' })).body);
    expect(valuesOf(rawHeaders, 'impersonate-user')).toEqual(['gitlab:user:jane']);
    expect(valuesOf(rawHeaders, 'impersonate-uid')).toEqual(['u1']);
    expect(valuesOf(rawHeaders, 'impersonate-group')).toEqual(['gitlab:user', 'other']);
    expect(valuesOf(rawHeaders, 'impersonate-extra-agent.gitlab.com%2fid')).toEqual(['1', '2']);
  });

  const nested =
    'failed to read gRPC response: rpc error: code = Unavailable desc = gRPC -> HTTP: nested impersonation is not supported - agent is already configured to impersonate an identity';
  const own = { username: 'sa', uid: '', groups: [], extra: [] };

  test('two impersonations are refused', async () => {
    await using rig = await Rig.start({ api: mirror, extra });
    const answer = await rig.request({ path: '/', headers: { 'impersonate-user': 'root' } });
    expect(answer).toMatchObject({ statusCode: 502, body: Buffer.from(nested) });
    await using second = await Rig.start({ api: mirror, extra, target: { impersonation: own } });
    expect(String((await second.request({ path: '/' })).body)).toBe(nested);
  });

  test("agentk's own impersonation is used alone, a lone uid is none", async () => {
    await using rig = await Rig.start({ api: mirror, target: { impersonation: own } });
    expect(valuesOf(read((await rig.request({ path: '/' })).body).rawHeaders, 'impersonate-user')).toEqual([
      'sa',
    ]);
    await using lone = await Rig.start({
      api: mirror,
      extra,
      target: { impersonation: { ...own, username: '', uid: 'x' } },
    });
    expect(valuesOf(read((await lone.request({ path: '/' })).body).rawHeaders, 'impersonate-uid')).toEqual([
      'u1',
    ]);
  });

  test('an extra of another type is refused', async () => {
    await using rig = await Rig.start({
      api: mirror,
      extra: { ...extra, typeUrl: 'type.googleapis.com/other.Type' },
    });
    const answer = await rig.request({ path: '/' });
    expect(answer.statusCode).toBe(502);
    expect(String(answer.body)).toContain('gRPC -> HTTP: mismatched message type');
  });

  test('a header value that is not UTF-8 cannot be sent', async () => {
    await using rig = await Rig.start({ api: mirror });
    const answer = await rig.request({ path: '/', headers: { 'x-bad': '\u00ff' } });
    expect(answer.statusCode).toBe(502);
    expect(String(answer.body)).toContain('failed to send request header');
  });
});

describe('one stream after another', () => {
  test('a reused tunnel serves many requests on one call', async () => {
    await using rig = await Rig.start({ api: mirror, reuse: true, tunnels: 1 });
    for (let i = 0; i < 50; i += 1) {
      const method = i % 3 === 0 ? 'POST' : 'GET';
      const body = method === 'POST' ? Buffer.from(`body ${i}`) : undefined;
      const answer = await rig.request({ method, path: `/${i}` }, body);
      expect(read(answer.body)).toMatchObject({ url: `/${i}`, body: body?.toString() ?? '' });
    }
    expect(rig.calls.length).toBe(1);
    expect(rig.forwarded.all.every(({ reusable }) => reusable)).toBe(true);
  });

  test('without reuse every request ends its call with OK', async () => {
    await using rig = await Rig.start({ api: mirror, tunnels: 1 });
    for (let i = 0; i < 5; i += 1) await rig.request({ path: `/${i}` });
    const end = await rig.agentEnds.at(4);
    expect(end).toMatchObject({ kind: 'finished', status: { code: 0 } });
    expect(rig.calls.length).toBeGreaterThanOrEqual(5);
  });
});
