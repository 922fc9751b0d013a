// All six state machines of spec/wire.md §2.1, every transition tried.
import { describe, expect, it } from 'vitest';
import { create, type DescMessage } from '@bufbuild/protobuf';
import {
  ConnectRequestSchema,
  ConnectResponseSchema,
  GatewayKasResponseSchema,
  HttpRequestSchema,
  HttpResponseSchema,
  MessageOrder,
  ObjectsToSynchronizeResponseSchema,
  orderEnd,
  orderStart,
  RegisterRequestSchema,
  StatusCode,
  unexpectedMember,
} from '../../src/protocol/index.ts';

type Table = readonly (readonly [state: number, allowed: readonly number[]])[];

const http: Table = [
  [orderStart, [1]],
  [1, [2, 3]],
  [2, [2, 3]],
  [3, [4, -1]],
  [4, [4, -1]],
];

const tables: readonly (readonly [string, DescMessage, Table])[] = [
  ['HttpRequest', HttpRequestSchema, http],
  ['HttpResponse', HttpResponseSchema, http],
  [
    'ConnectRequest',
    ConnectRequestSchema,
    [
      [orderStart, [1]],
      [1, [2, 5]],
      [2, [3, 4]],
      [3, [3, 4]],
      [4, [5, -1]],
      [5, [-1]],
    ],
  ],
  [
    'ConnectResponse',
    ConnectResponseSchema,
    [
      [orderStart, [1, -1]],
      [1, [2, 3, -1]],
      [2, [2, 3, -1]],
      [3, [-1]],
    ],
  ],
  [
    'GatewayKasResponse',
    GatewayKasResponseSchema,
    [
      [orderStart, [-1, 1, 6]],
      [1, [2]],
      [2, [3, 4]],
      [3, [3, 4]],
      [4, [5, -1]],
      [5, [-1]],
      [6, [-1, 1]],
    ],
  ],
  [
    'ObjectsToSynchronizeResponse',
    ObjectsToSynchronizeResponseSchema,
    [
      [orderStart, [1, -1]],
      [1, [2, 3]],
      [2, [2, 3]],
      [3, [-1]],
    ],
  ],
];

const transitions = tables.flatMap(([name, schema, table]) =>
  table.flatMap(([state, allowed]) =>
    [-1, 1, 2, 3, 4, 5, 6, 7].map((next) => ({ name, schema, state, next, allowed })),
  ),
);

describe('message order', () => {
  it.each(transitions)('of $name: $state to $next', ({ schema, state, next, allowed }) => {
    const order = new MessageOrder(schema, state);
    const refusal = next === orderEnd ? order.end() : order.accept(next);
    if (allowed.includes(next)) {
      expect(refusal).toBeUndefined();
      expect(order.state).toBe(next);
    } else {
      expect(refusal).toEqual({
        code: StatusCode.InvalidArgument,
        message: `transition from ${state} to ${next} is not allowed. Allowed: [${allowed.join(' ')}]`,
      });
      expect(order.state).toBe(state);
    }
  });

  it('lets nothing come after the end', () => {
    const order = new MessageOrder(ConnectResponseSchema);
    expect(order.end()).toBeUndefined();
    expect(order.accept(1)?.message).toBe('transition from -1 to 1 is not allowed. Allowed: []');
  });

  it('follows whole messages through an exchange', () => {
    const order = new MessageOrder(ConnectRequestSchema);
    const accept = (msg: 'descriptor' | 'header' | 'message' | 'trailer') =>
      order.acceptMessage(create(ConnectRequestSchema, { msg: { case: msg, value: {} } }));
    expect([accept('descriptor'), accept('header'), accept('message'), accept('trailer')]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(order.end()).toBeUndefined();
  });

  it('refuses a message without a member', () => {
    const order = new MessageOrder(HttpRequestSchema);
    expect(order.acceptMessage(create(HttpRequestSchema))).toEqual({
      code: StatusCode.InvalidArgument,
      message: 'no fields in the oneof group gitlab.agent.grpctool.HttpRequest.message is set',
    });
  });

  it('takes a member of a newer peer for no member', () => {
    const order = new MessageOrder(ConnectRequestSchema);
    const newer = { ...create(ConnectRequestSchema), msg: { case: 'newer', value: {} } } as never;
    expect(order.acceptMessage(newer)?.message).toBe(
      'no fields in the oneof group gitlab.agent.reverse_tunnel.rpc.ConnectRequest.msg is set',
    );
  });

  it('words the refusal of a member the caller does not expect', () => {
    expect(unexpectedMember(4)).toEqual({
      code: StatusCode.Internal,
      message: 'unexpected field number received: 4',
    });
  });

  it('cannot be made for a message without an order, or in a state that is none', () => {
    expect(() => new MessageOrder(RegisterRequestSchema)).toThrow('has no message order');
    expect(() => new MessageOrder(ConnectResponseSchema, 9)).toThrow('has no member 9');
  });
});
