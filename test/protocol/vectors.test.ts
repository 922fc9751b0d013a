// The byte vectors of spec/wire.md §15: our generated code writes exactly these bytes and reads them back.
import { describe, expect, it } from 'vitest';
import { create, equals, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, AnySchema } from '@bufbuild/protobuf/wkt';
import {
  ConnectRequestSchema,
  ConnectResponseSchema,
  decode,
  encode,
  ExpiringValueSchema,
  GatewayKasResponseSchema,
  GitPushEventSchema,
  HttpRequestSchema,
  HttpResponseSchema,
  StartStreamingSchema,
} from '../../src/protocol/index.ts';

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly check: () => void;
}

function vector<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
  hex: string,
): Vector {
  return {
    name,
    hex,
    check: () => {
      const message = create(schema, init);
      expect(encode(schema, message).toString('hex')).toBe(hex);
      expect(equals(schema, decode(schema, Buffer.from(hex, 'hex')), message)).toBe(true);
    },
  };
}

const vectors: readonly Vector[] = [
  vector(
    'ConnectRequest descriptor',
    ConnectRequestSchema,
    {
      msg: {
        case: 'descriptor',
        value: {
          agentDescriptor: {
            services: [
              { name: 'gitlab.agent.kubernetes_api.rpc.KubernetesApi', methods: [{ name: 'MakeRequest' }] },
            ],
          },
        },
      },
    },
    '0a420a400a3e0a2d6769746c61622e6167656e742e6b756265726e657465735f6170692e7270632e4b756265726e65746573417069120d0a0b4d616b6552657175657374',
  ),
  vector('ConnectRequest header', ConnectRequestSchema, { msg: { case: 'header', value: {} } }, '1200'),
  vector('ConnectRequest trailer', ConnectRequestSchema, { msg: { case: 'trailer', value: {} } }, '2200'),
  vector(
    'ConnectRequest message',
    ConnectRequestSchema,
    { msg: { case: 'message', value: { data: Buffer.from('ab') } } },
    '1a040a026162',
  ),
  vector(
    'ConnectRequest error',
    ConnectRequestSchema,
    { msg: { case: 'error', value: { status: { code: 14, message: 'x' } } } },
    '2a070a05080e120178',
  ),
  vector(
    'ConnectResponse request_info',
    ConnectResponseSchema,
    { msg: { case: 'requestInfo', value: { methodName: '/s/m', meta: { k: { value: ['v1', 'v2'] } } } } },
    '0a150a042f732f6d120d0a016b12080a0276310a027632',
  ),
  vector(
    'ConnectResponse close_send',
    ConnectResponseSchema,
    { msg: { case: 'closeSend', value: {} } },
    '1a00',
  ),
  vector(
    'GatewayKasResponse tunnel_ready',
    GatewayKasResponseSchema,
    { msg: { case: 'tunnelReady', value: {} } },
    '0a00',
  ),
  vector(
    'GatewayKasResponse no_tunnel',
    GatewayKasResponseSchema,
    { msg: { case: 'noTunnel', value: {} } },
    '3200',
  ),
  vector('StartStreaming', StartStreamingSchema, {}, ''),
  vector(
    'HttpRequest header GET',
    HttpRequestSchema,
    {
      message: {
        case: 'header',
        value: {
          request: {
            method: 'GET',
            urlPath: '/version',
            header: { Accept: { value: ['*/*'] } },
            query: { a: { value: ['1'] } },
          },
          contentLength: 0n,
        },
      },
    },
    '0a2e0a2a0a03474554120f0a0641636365707412050a032a2f2a1a082f76657273696f6e22080a016112030a01311800',
  ),
  vector(
    'HttpRequest header POST of unknown length',
    HttpRequestSchema,
    {
      message: { case: 'header', value: { request: { method: 'POST', urlPath: '/x' }, contentLength: -1n } },
    },
    '0a170a0a0a04504f53541a022f7818ffffffffffffffffff01',
  ),
  vector('HttpRequest trailer', HttpRequestSchema, { message: { case: 'trailer', value: {} } }, '1a00'),
  vector(
    'HttpRequest upgradeData',
    HttpRequestSchema,
    { message: { case: 'upgradeData', value: { data: Buffer.from('x') } } },
    '22030a0178',
  ),
  vector(
    'HttpResponse header 101',
    HttpResponseSchema,
    {
      message: {
        case: 'header',
        value: {
          response: {
            statusCode: 101,
            status: '101 Switching Protocols',
            header: { Upgrade: { value: ['SPDY/3.1'] } },
          },
        },
      },
    },
    '0a340a320865121731303120537769746368696e672050726f746f636f6c731a150a0755706772616465120a0a08535044592f332e31',
  ),
  vector('ExpiringValue', ExpiringValueSchema, { expiresAt: 1_700_000_000n }, '0880e2cfaa06'),
];

describe('byte vectors', () => {
  it.each(vectors)('$name is written and read as $hex', ({ check }) => check());

  it('an Any carries the type URL and the bytes of a push event', () => {
    const event = create(GitPushEventSchema, { project: { id: 1n, fullPath: 'p' } });
    const bytes = encode(AnySchema, anyPack(GitPushEventSchema, event));
    expect(bytes.toString('hex')).toBe(
      '0a33747970652e676f6f676c65617069732e636f6d2f6769746c61622e6167656e742e6576656e742e476974507573684576656e7412070a050801120170',
    );
  });
});
