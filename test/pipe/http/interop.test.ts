import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  ConnectRequestSchema,
  ConnectResponseSchema,
  HttpRequestSchema,
  HttpResponseSchema,
  methods,
  noMetadata,
} from '../../../src/protocol/index.ts';
import type { ConnectRequest, ConnectResponse } from '../../../src/protocol/index.ts';
import { decodeTunnelDown } from '../../../src/protocol/envelope/index.ts';
import { openCall } from '../../../src/pipe/grpc/index.ts';
import type { StreamEnd } from '../../../src/pipe/grpc/index.ts';
import { serveTunnelExchange } from '../../../src/pipe/http/index.ts';
import { connectTo } from '../grpc/loopback.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { Agent } from 'undici';
import { Arrivals, descriptor, Rig } from './rig.ts';

type Init<Schema extends DescMessage, Key extends keyof MessageInitShape<Schema>> = NonNullable<
  MessageInitShape<Schema>[Key]
>;
type Down = Init<typeof HttpRequestSchema, 'message'>;
type Up = Init<typeof HttpResponseSchema, 'message'>;

const response = (message: Up): Uint8Array =>
  toBinary(HttpResponseSchema, create(HttpResponseSchema, { message }));
const request = (message: Down): Uint8Array =>
  toBinary(HttpRequestSchema, create(HttpRequestSchema, { message }));
const up = (msg: Init<typeof ConnectRequestSchema, 'msg'>): ConnectRequest =>
  create(ConnectRequestSchema, { msg });
const down = (msg: Init<typeof ConnectResponseSchema, 'msg'>): ConnectResponse =>
  create(ConnectResponseSchema, { msg });

const connectMethod: grpc.MethodDefinition<ConnectRequest, ConnectResponse> = {
  path: methods.connect.path,
  requestStream: true,
  responseStream: true,
  requestSerialize: (message) => Buffer.from(toBinary(ConnectRequestSchema, message)),
  requestDeserialize: (bytes) => fromBinary(ConnectRequestSchema, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(ConnectResponseSchema, message)),
  responseDeserialize: (bytes) => fromBinary(ConnectResponseSchema, bytes),
};

/** An agent with one tunnel, built on grpc-js and generated code, that answers as the original does. */
function foreignAgent(
  port: number,
  body: Buffer,
): { seen: Arrivals<string>; status: Arrivals<grpc.StatusObject> } {
  const seen = new Arrivals<string>();
  const status = new Arrivals<grpc.StatusObject>();
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = connectMethod;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new grpc.Metadata());
  call.on('error', () => {});
  call.on('status', (end: grpc.StatusObject) => {
    status.push(end);
    client.close();
  });
  const send = (message: Up) => call.write(up({ case: 'message', value: { data: response(message) } }));
  call.on('data', ({ msg }: ConnectResponse) => {
    if (msg.case !== 'message') return seen.push(msg.case ?? 'nothing');
    const { message } = fromBinary(HttpRequestSchema, msg.value.data);
    seen.push(message.case ?? 'nothing');
    if (message.case !== 'trailer') return undefined;
    call.write(
      up({ case: 'header', value: { meta: { 'content-type': { value: ['application/grpc+proto'] } } } }),
    );
    const header = { 'Set-Cookie': { value: ['a=1', 'b=2'] } };
    send({ case: 'header', value: { response: { statusCode: 201, status: '201 Created', header } } });
    for (let at = 0; at < body.length; at += 32 * 1024) {
      send({ case: 'data', value: { data: body.subarray(at, at + 32 * 1024) } });
    }
    send({ case: 'trailer', value: {} });
    call.write(up({ case: 'trailer', value: {} }));
    return call.end();
  });
  const services = [{ name: methods.makeRequest.service, methods: [{ name: 'MakeRequest' }] }];
  call.write(up({ case: 'descriptor', value: { agentDescriptor: { services } } }));
  return { seen, status };
}

describe('with a peer on grpc-js and generated code', () => {
  test('kas forwards to a foreign agent and ends its call with OK', async () => {
    await using rig = await Rig.start({ api: () => {}, tunnels: 0 });
    const body = Buffer.alloc(300_000, 7);
    const agent = foreignAgent(rig.grpcPort, body);
    const answer = await rig.request({ method: 'POST', path: '/' }, Buffer.alloc(200_000));
    expect(answer.statusCode).toBe(201);
    expect(answer.body.equals(body)).toBe(true);
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(await agent.status.at(0)).toMatchObject({ code: 0 });
    const kinds = agent.seen.all;
    expect(kinds.slice(0, 2)).toEqual(['requestInfo', 'header']);
    expect(kinds.slice(-2)).toEqual(['trailer', 'closeSend']);
    expect(new Set(kinds.slice(2, -2))).toEqual(new Set(['data']));
  });

  test('agentk serves a foreign kas', async () => {
    const clock = new VirtualClock();
    const api = http.createServer((incoming, outgoing) => {
      let size = 0;
      incoming.on('data', (chunk: Buffer) => (size += chunk.length));
      incoming.on('end', () => outgoing.end(`${incoming.method} ${incoming.url} ${size}`));
    });
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
    const received = new Arrivals<string>();
    const server = new grpc.Server();
    server.register(
      connectMethod.path,
      (call: grpc.ServerDuplexStream<ConnectRequest, ConnectResponse>) => {
        const send = (message: Down) =>
          call.write(down({ case: 'message', value: { data: request(message) } }));
        call.on('data', ({ msg }: ConnectRequest) => {
          if (msg.case === 'message') {
            const { message } = fromBinary(HttpResponseSchema, msg.value.data);
            received.push(
              message.case === 'data' ? Buffer.from(message.value.data).toString() : String(message.case),
            );
            return;
          }
          received.push(String(msg.case));
          if (msg.case !== 'descriptor') return;
          const meta = { ':authority': { value: ['x'] }, authorization: { value: ['Bearer secret'] } };
          call.write(down({ case: 'requestInfo', value: { methodName: methods.makeRequest.path, meta } }));
          const head = { method: 'PUT', urlPath: '/x y', query: { q: { value: ['1', '2'] } } };
          send({ case: 'header', value: { request: head, contentLength: -1n } });
          for (let i = 0; i < 10; i += 1) send({ case: 'data', value: { data: Buffer.alloc(32 * 1024) } });
          send({ case: 'trailer', value: {} });
          call.write(down({ case: 'closeSend', value: {} }));
        });
        call.on('end', () => call.end());
      },
      connectMethod.responseSerialize,
      connectMethod.requestDeserialize,
      'bidi',
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const session = connectTo(port);
    const { stream } = openCall(session, methods.connect.path, noMetadata, { clock });
    const ended = new Arrivals<StreamEnd>();
    const dispatcher = new Agent();
    const origin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
    const rest = { onHalfClosed() {}, onDrain() {}, onClosed: (end: StreamEnd) => ended.push(end) };
    stream.handler = {
      ...rest,
      onMessage(payload) {
        const info = decodeTunnelDown(payload);
        if (info.kind !== 'requestInfo') throw new Error(info.kind);
        const target = { origin, basePath: '', dispatcher, authorization: () => undefined };
        const options = { stream, method: info.method, target, agentName: 'gitlab-agent/test/0', clock };
        serveTunnelExchange(options, () => (stream.handler = { ...rest, onMessage() {} }));
      },
    };
    stream.write(descriptor);
    expect(await ended.at(0)).toMatchObject({ kind: 'finished', status: { code: 0 } });
    expect(received.all).toEqual([
      'descriptor',
      'header',
      'header',
      'PUT /x%20y?q=1&q=2 327680',
      'trailer',
      'trailer',
    ]);
    session.destroy();
    await dispatcher.destroy();
    server.forceShutdown();
    api.closeAllConnections();
    await new Promise((resolve) => api.close(resolve));
  });
});
