import * as http from 'node:http';
import * as net from 'node:net';
import { describe, expect, test } from 'vitest';
import { StatusCode } from '../../../src/protocol/index.ts';
import {
  decodeTunnelDown,
  emptyHeader,
  emptyTrailer,
  encodeResponseHeader,
  responseBodyPrefix,
  responseTrailer,
} from '../../../src/protocol/envelope/index.ts';
import type { MessageStream } from '../../../src/pipe/grpc/index.ts';
import { Arrivals, Rig, until } from './rig.ts';

const okHead = (headers: string[] = []) =>
  encodeResponseHeader({ statusCode: 200, status: '200 OK', headers });
const data = (text: string) => Buffer.concat([responseBodyPrefix(text.length), Buffer.from(text)]);

const noApi: http.RequestListener = (_request, response) => response.end();

describe('the client goes away', () => {
  test('before the answer: the API server sees the abort', async () => {
    const aborted = new Arrivals<boolean>();
    const arrived = new Arrivals<boolean>();
    await using rig = await Rig.start({
      reuse: true,
      api: (request, response) => {
        arrived.push(true);
        response.on('close', () => aborted.push(response.writableEnded));
        request.resume();
      },
    });
    const request = http.get({ port: rig.port, path: '/', agent: false });
    request.on('error', () => {});
    await arrived.at(0);
    request.destroy();
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'clientGone', reusable: false });
    expect(await aborted.at(0)).toBe(false);
    expect(await rig.served.at(0)).toMatchObject({ kind: 'cancelled', reusable: false });
  });

  test('in the middle of its body', async () => {
    const aborted = new Arrivals<boolean>();
    await using rig = await Rig.start({
      reuse: true,
      api: (request) => {
        request.resume();
        request.on('close', () => aborted.push(request.complete));
      },
    });
    const request = http.request({ port: rig.port, method: 'POST', path: '/', agent: false });
    request.on('error', () => {});
    request.write(Buffer.alloc(100_000));
    await rig.exchanges.at(0);
    await until(() => rig.api.listening && rig.forwardings.all.length === 1);
    request.destroy();
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'clientGone', reusable: false });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'cancelled' });
    expect(await aborted.at(0)).toBe(false);
  });

  test('in the middle of the answer, while it was too slow to read it', async () => {
    const aborted = new Arrivals<boolean>();
    await using rig = await Rig.start({
      reuse: true,
      api: (_request, response) => {
        response.on('close', () => aborted.push(response.writableFinished));
        const block = Buffer.alloc(64 * 1024);
        const more = (): void => {
          while (response.write(block));
          response.once('drain', more);
        };
        more();
      },
    });
    const socket = net.connect(rig.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /endless HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('readable', resolve)); // never read further
    socket.destroy();
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'clientGone', statusCode: 200 });
    expect(await aborted.at(0)).toBe(false);
    expect(await rig.served.at(0)).toMatchObject({ kind: 'cancelled' });
  });
});

describe('a slow reader', () => {
  test('holds the API server back; little is buffered on the way', async () => {
    let sent = 0;
    await using rig = await Rig.start({
      reuse: true,
      api: (_request, response) => {
        const block = Buffer.alloc(64 * 1024);
        const more = (): void => {
          do sent += block.length;
          while (response.write(block) && sent < 400_000_000);
          if (sent < 400_000_000) response.once('drain', more);
          else response.end();
        };
        more();
      },
    });
    const response = await new Promise<http.IncomingMessage>((resolve) => {
      http.get({ port: rig.port, path: '/', agent: false }, resolve);
    });
    response.pause();
    let before = -1;
    while (before !== sent) {
      before = sent;
      for (let turn = 0; turn < 2000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(40_000_000); // windows, socket buffers, one chunk each
    response.destroy();
    await rig.forwarded.at(0);
  });

  test('of a request body holds the client back', async () => {
    let held: http.IncomingMessage | undefined;
    await using rig = await Rig.start({ reuse: true, api: (request) => (held = request) });
    const request = http.request({ port: rig.port, method: 'PUT', path: '/', agent: false });
    request.on('error', () => {});
    const block = Buffer.alloc(64 * 1024);
    let sent = 0;
    const more = (): void => {
      do sent += block.length;
      while (request.write(block) && sent < 400_000_000);
      if (sent < 400_000_000) request.once('drain', more);
    };
    more();
    await until(() => held !== undefined);
    let before = -1;
    while (before !== sent) {
      before = sent;
      for (let turn = 0; turn < 2000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(40_000_000);
    held?.socket.destroy();
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'failedBeforeHeader' });
    request.destroy();
  });
});

describe('the API server fails', () => {
  test('before its answer: 502 with the text of agentk, and the next request works', async () => {
    await using rig = await Rig.start({ reuse: true, api: (request) => request.socket.destroy() });
    const answer = await rig.request({ method: 'POST', path: '/' });
    expect(answer.statusCode).toBe(502);
    expect(String(answer.body)).toMatch(
      /^failed to read gRPC response: rpc error: code = Unavailable desc = gRPC -> HTTP: ./,
    );
    expect(await rig.forwarded.at(0)).toMatchObject({
      kind: 'failedBeforeHeader',
      reusable: false,
      tunnelStatus: { code: 0 },
    });
    expect(await rig.served.at(0)).toMatchObject({
      kind: 'failed',
      status: { code: StatusCode.Unavailable },
    });
    expect((await rig.request({ method: 'POST', path: '/' })).statusCode).toBe(502);
  });

  test('in the middle of its answer: the client sees it cut', async () => {
    await using rig = await Rig.start({
      reuse: true,
      api: (_request, response) => {
        response.writeHead(200);
        response.write('some');
        setImmediate(() => response.destroy());
      },
    });
    await expect(rig.request({ path: '/' })).rejects.toThrow(/aborted|socket hang up/);
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'failedAfterHeader', statusCode: 200 });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'failed', status: { code: StatusCode.Canceled } });
  });

  test('cannot be reached', async () => {
    await using rig = await Rig.start({ api: noApi, target: { origin: 'http://127.0.0.1:1' } });
    expect((await rig.request({ path: '/' })).statusCode).toBe(502);
    expect((await rig.served.at(0)).status.message).toMatch(/^gRPC -> HTTP: .*ECONNREFUSED/);
  });

  test('a kept connection that died is replaced once for requests that may be repeated', async () => {
    let count = 0;
    await using rig = await Rig.start({
      api: (request, response) => {
        count += 1;
        if (count === 2) request.socket.destroy();
        else response.end(`${count}`);
      },
    });
    expect(String((await rig.request({ path: '/' })).body)).toBe('1');
    expect(String((await rig.request({ path: '/' })).body)).toBe('3');
  });
});

describe('an answer before the request is read', () => {
  test('reaches the client; the tunnel is not used again', async () => {
    await using rig = await Rig.start({
      reuse: true,
      api: (_request, response) => {
        response.writeHead(413, { connection: 'close', 'content-length': 4 });
        response.end('no!!');
      },
    });
    const answer = await new Promise<{ code: number | undefined; body: string }>((resolve) => {
      const request = http.request(
        { port: rig.port, method: 'POST', path: '/', agent: false },
        (response) => {
          let body = '';
          response.on('data', (chunk: Buffer) => (body += String(chunk)));
          response.on('end', () => resolve({ code: response.statusCode, body }));
        },
      );
      request.on('error', () => {});
      request.write('never finished');
    });
    expect(answer).toEqual({ code: 413, body: 'no!!' });
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'served', reusable: false, statusCode: 413 });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'served', reusable: false });
  });

  test('a client that goes on sending is cut off slowly', async () => {
    await using rig = await Rig.start({
      reuse: true,
      agent: scriptedOnHeader([
        emptyHeader,
        okHead(['Content-Length', '2']),
        data('ok'),
        responseTrailer,
        emptyTrailer,
      ]),
      api: noApi,
    });
    const socket = net.connect(rig.port, '127.0.0.1');
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += String(chunk)));
    socket.on('error', () => {});
    const ended = new Promise((resolve) => socket.once('end', resolve));
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n');
    await rig.forwarded.at(0);
    socket.write(Buffer.alloc(2_000_000));
    await ended;
    expect(got).toMatch(/^HTTP\/1\.1 200 OK/);
    await until(() => rig.clock.pending > 0);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    rig.clock.advance(500);
    await closed;
  });
});

describe('ends from outside', () => {
  test('the agent connection is lost before the answer', async () => {
    const arrived = new Arrivals<boolean>();
    await using rig = await Rig.start({ reuse: true, api: () => arrived.push(true) });
    const answer = rig.request({ path: '/' });
    await arrived.at(0);
    rig.loseAgent();
    expect((await answer).statusCode).toBe(502);
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'failedBeforeHeader', reusable: false });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'cancelled' });
  });

  test('kas cancels', async () => {
    await using rig = await Rig.start({ reuse: true, api: () => {} });
    const answer = rig.request({ path: '/' });
    const forwarding = await rig.forwardings.at(0);
    await rig.exchanges.at(0);
    forwarding.cancel({ code: StatusCode.DeadlineExceeded, message: 'too long' });
    expect((await answer).statusCode).toBe(502);
    expect(await rig.forwarded.at(0)).toMatchObject({ status: { message: 'too long' } });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'cancelled' });
  });

  test('agentk cancels', async () => {
    await using rig = await Rig.start({ reuse: true, api: () => {} });
    const answer = rig.request({ path: '/' });
    (await rig.exchanges.at(0)).cancel('stopping');
    expect((await answer).statusCode).toBe(502);
    expect(await rig.served.at(0)).toMatchObject({ kind: 'cancelled', reusable: false });
  });
});

/** An agent that answers as soon as it has the request header. */
function scriptedOnHeader(frames: Buffer[]) {
  return (stream: MessageStream) => {
    stream.handler = {
      onMessage(payload) {
        if (decodeTunnelDown(payload).kind === 'requestHeader') stream.write(Buffer.concat(frames));
      },
      onHalfClosed() {},
      onDrain() {},
      onClosed() {},
    };
  };
}
