/** `spec/wire.md §15`: the vectors that travel between agentk and kas, byte for byte, in every way TCP may cut them. */
import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { GoAgent, GoTunnel, paths, statusAtEnd, up } from './go-agent.ts';
import { grpcMessage } from './peer.ts';
import { vectors } from './vectors.ts';

let kas: KasUnderTest;
let agent: GoAgent;

beforeEach(async () => {
  kas = await KasUnderTest.start();
  agent = await GoAgent.dial(kas.ports.agents, tokens.agent);
});
afterEach(async () => {
  agent.close();
  await kas.finish();
});

const plain = { 'grpc-encoding': undefined };

async function idle(): Promise<GoTunnel> {
  const { idle: before } = await kas.counts();
  const tunnel = new GoTunnel(agent.call(paths.connect, plain));
  tunnel.stream.send(vectors.descriptor);
  await kas.reaches({ idle: before + 1 });
  return tunnel;
}

it('the descriptor, cut at each byte, makes a tunnel', async () => {
  const bytes = grpcMessage(vectors.descriptor);
  for (let cut = 0; cut <= bytes.length; cut++)
    agent.call(paths.connect, plain).data(bytes.subarray(0, cut)).data(bytes.subarray(cut));
  await kas.reaches({ idle: bytes.length + 1 });
});

it('an answer of header{}, messages and trailer{}, cut at each byte, is the same answer', async () => {
  const answer = Buffer.concat([
    grpcMessage(vectors.header),
    grpcMessage(up.message(Buffer.from('0a0a0a0808c8011203323030', 'hex'))), // 200
    grpcMessage(up.message(Buffer.from('12030a0161', 'hex'))), // data a
    grpcMessage(up.message(vectors.httpTrailer)),
    grpcMessage(vectors.trailer),
  ]);
  for (let cut = 0; cut <= answer.length; cut++) {
    const tunnel = await idle();
    const answered = kas.call('/api');
    await tunnel.request();
    tunnel.stream.data(answer.subarray(0, cut)).data(answer.subarray(cut), true);
    const { statusCode, body } = await answered;
    expect([statusCode, await body.text()]).toEqual([200, 'a']);
    expect((await statusAtEnd(tunnel.stream))[0]).toBe(0);
  }
});

it('error{14, "x"}, cut at each byte, is told to the client', async () => {
  const bytes = Buffer.concat(
    [vectors.header, vectors.trailer, vectors.error].map((one) => grpcMessage(one)),
  );
  for (let cut = 0; cut <= bytes.length; cut++) {
    const tunnel = await idle();
    const answered = kas.call('/api');
    await tunnel.request();
    tunnel.stream.data(bytes.subarray(0, cut)).data(bytes.subarray(cut), true);
    const { statusCode, body } = await answered;
    expect([statusCode, await body.text()]).toEqual([
      502,
      expect.stringContaining('rpc error: code = Unavailable desc = x'),
    ]);
  }
});

it('close_send and the HTTP trailer are written as the vectors say', async () => {
  const tunnel = await idle();
  const answered = kas.call('/api');
  const sent: string[] = [];
  for (let last = ''; last !== vectors.closeSend.toString('hex'); sent.push(last))
    last = (await tunnel.stream.message()).toString('hex');
  expect(sent.slice(-2)).toEqual(['12040a021a00', '1a00']);
  expect(sent.at(0)).toMatch(/^0a/);
  tunnel.respond();
  await (await answered).body.dump();
});

it('the 101 of SPDY, cut at each tenth byte, switches the client, and upgradeData is its first byte', async () => {
  const bytes = Buffer.concat([
    grpcMessage(vectors.header),
    grpcMessage(up.message(vectors.switching)),
    grpcMessage(up.message(vectors.httpTrailer)),
    grpcMessage(up.message(vectors.upgradeData)),
  ]);
  for (let cut = 0; cut <= bytes.length; cut += 10) {
    const tunnel = await idle();
    const client = request({
      port: kas.ports.kubernetesApi,
      path: '/exec',
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', authorization: `Bearer ci:1:${tokens.job}` },
    });
    client.end();
    const switched = once(client, 'upgrade') as Promise<
      [{ headers: Record<string, string> }, Socket, Buffer]
    >;
    await tunnel.requestInfo();
    await tunnel.http();
    tunnel.stream.data(bytes.subarray(0, cut)).data(bytes.subarray(cut));
    const [{ headers }, socket, head] = await switched;
    expect(headers['upgrade']).toBe('SPDY/3.1');
    const first = head.length > 0 ? head : ((await once(socket, 'data')) as [Buffer])[0];
    expect(first.toString()).toBe('x');
    socket.destroy();
    while ((await tunnel.stream.message()).toString('hex') !== '1a00');
    tunnel.stream.send(vectors.trailer, { end: true });
    expect((await statusAtEnd(tunnel.stream))[0]).toBe(0);
  }
});
