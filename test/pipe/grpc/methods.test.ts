import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  callServerStream,
  callUnary,
  frame,
  frames,
  serverStreamHandler,
  unaryHandler,
} from '../../../src/pipe/grpc/index.ts';
import type { CallUnaryOptions, MessageSink } from '../../../src/pipe/grpc/index.ts';
import {
  ConfigurationRequestSchema,
  ConfigurationResponseSchema,
  GetConnectedAgentsRequestSchema,
  GetConnectedAgentsResponseSchema,
  methods,
  ok,
  status,
  StatusCode,
} from '../../../src/protocol/index.ts';
import type { ConfigurationResponse, RpcStatus } from '../../../src/protocol/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { grpcHeaders, loopback, noMetadata, rawServer, connectTo, readRaw, settled } from './loopback.ts';

const unary = methods.getConnectedAgents;
const request = create(GetConnectedAgentsRequestSchema, { request: { case: 'agentId', value: 7n } });
const response = create(GetConnectedAgentsResponseSchema, { agents: [{ connectionId: 5n, agentId: 7n }] });

const options = (more: Partial<CallUnaryOptions> = {}) => ({ clock: new VirtualClock(), ...more });

function configuration(commitId: string): ConfigurationResponse {
  return create(ConfigurationResponseSchema, { commitId, configuration: {} });
}

describe('a unary method', () => {
  it('answers a message, a status, and INTERNAL for a bug', async () => {
    await using server = await loopback();
    const answers = [
      () => Promise.resolve({ ok: response }),
      () => Promise.resolve({ status: status(StatusCode.NotFound, 'gone') }),
      () => Promise.reject(new Error('secret')),
    ];
    const seen: bigint[] = [];
    server.grpc.handle(
      unary.path,
      unaryHandler(unary.request, unary.response, (message) => {
        if (message.request.case === 'agentId') seen.push(message.request.value);
        return answers.shift()?.() ?? Promise.reject(new Error('too many calls'));
      }),
    );
    const session = server.connect();
    const call = () => callUnary(session, unary, request, noMetadata, options());
    expect(await call()).toMatchObject({ ok: { agents: [{ connectionId: 5n, agentId: 7n }] } });
    expect(await call()).toEqual({ status: status(StatusCode.NotFound, 'gone') });
    expect(await call()).toEqual({ status: status(StatusCode.Internal, 'internal error') });
    expect(seen).toEqual([7n, 7n, 7n]);
    expect(server.log.text).toContain('gRPC handler threw');
  });

  it.each([
    [
      'bytes that are no message',
      frame(Buffer.from([0xff])),
      '13',
      /failed to unmarshal the received message/,
    ],
    [
      'a message that breaks its rules',
      frame(Buffer.alloc(0)),
      '3',
      /^invalid GetConnectedAgentsRequest\.Request: /,
    ],
    ['no message at all', Buffer.alloc(0), '13', /no request message/],
    ['two messages', frames([Buffer.from([8, 1]), Buffer.from([8, 1])]), '13', /more than one/],
  ])('refuses %s', async (_name, bytes, code, text) => {
    await using server = await loopback();
    const never = Promise.withResolvers<{ ok: typeof response }>();
    server.grpc.handle(
      unary.path,
      unaryHandler(unary.request, unary.response, () => never.promise),
    );
    const raw = server.connect().request(grpcHeaders({ ':path': unary.path }));
    const answer = readRaw(raw);
    raw.end(bytes);
    const { headers } = await answer;
    expect(headers['grpc-status']).toBe(code);
    expect(decodeURIComponent(String(headers['grpc-message']))).toMatch(text);
  });

  it('is cancelled by the signal of its caller, and the method is told', async () => {
    await using server = await loopback();
    const started = Promise.withResolvers<AbortSignal>();
    server.grpc.handle(
      unary.path,
      unaryHandler(unary.request, unary.response, (_request, { signal }) => {
        started.resolve(signal);
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve({ ok: response })));
      }),
    );
    const controller = new AbortController();
    const call = callUnary(
      server.connect(),
      unary,
      request,
      noMetadata,
      options({ signal: controller.signal }),
    );
    const signal = await started.promise;
    expect(signal.aborted).toBe(false);
    controller.abort();
    expect(await call).toMatchObject({ status: { code: StatusCode.Canceled } });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    const late = callUnary(
      server.connect(),
      unary,
      request,
      noMetadata,
      options({ signal: controller.signal }),
    );
    expect(await late).toMatchObject({ status: { code: StatusCode.Canceled } });
  });

  it('passes its deadline on, and ends by it', async () => {
    await using server = await loopback();
    const started = Promise.withResolvers<number | undefined>();
    const never = Promise.withResolvers<{ ok: typeof response }>();
    server.grpc.handle(
      unary.path,
      unaryHandler(unary.request, unary.response, (_request, { deadlineMs }) => {
        started.resolve(deadlineMs);
        return never.promise;
      }),
    );
    const clock = new VirtualClock();
    const call = callUnary(server.connect(), unary, request, noMetadata, { clock, deadlineMs: 250 });
    expect(await started.promise).toBe(250);
    clock.advance(250);
    expect(await call).toEqual({ status: status(StatusCode.DeadlineExceeded, 'context deadline exceeded') });
  });
});

describe('the caller of a unary method', () => {
  const answered = async (body: Buffer, code: string) => {
    await using server = await rawServer((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': code }));
      stream.resume();
      stream.end(body);
    });
    const session = connectTo(server.port);
    const result = await callUnary(
      session,
      methods.register,
      create(methods.register.request),
      noMetadata,
      options(),
    );
    session.destroy();
    return result;
  };

  it('gets an empty message as a message', async () => {
    expect(await answered(frame(Buffer.alloc(0)), '0')).toHaveProperty('ok');
  });

  it.each([
    ['OK without a message', Buffer.alloc(0), '0', StatusCode.Internal],
    ['two messages', frames([Buffer.alloc(0), Buffer.alloc(0)]), '0', StatusCode.Internal],
    ['bytes that are no message', frame(Buffer.from([0xff])), '0', StatusCode.Internal],
    ['a message and an error', frame(Buffer.alloc(0)), '9', StatusCode.FailedPrecondition],
  ])('does not take %s for an answer', async (_name, body, code, expected) => {
    expect(await answered(body, code)).toMatchObject({ status: { code: expected } });
  });
});

describe('a server-streaming method', () => {
  const path = methods.getConfiguration;
  const start = create(ConfigurationRequestSchema, {
    agentMeta: { version: 'v', commitId: 'c', podNamespace: 'n', podName: 'p', kubernetesVersion: {} },
  });

  async function streaming(
    serve: (sink: MessageSink<ConfigurationResponse>, signal: AbortSignal) => Promise<RpcStatus>,
  ) {
    const server = await loopback();
    server.grpc.handle(
      path.path,
      serverStreamHandler(path.request, path.response, (_request, sink, call) => serve(sink, call.signal)),
    );
    return server;
  }

  it('sends one message after another and its status', async () => {
    await using server = await streaming(async (sink) => {
      for (const id of ['1', '2', '3']) expect(await sink.send(configuration(id))).toBe(true);
      return status(StatusCode.Unavailable, 'later');
    });
    const got: string[] = [];
    const outcome = await new Promise<RpcStatus>((onClosed) => {
      callServerStream(server.connect(), path, start, noMetadata, options(), {
        onMessage: ({ commitId }) => void got.push(commitId),
        onClosed,
      });
    });
    expect(got).toEqual(['1', '2', '3']);
    expect(outcome).toEqual(status(StatusCode.Unavailable, 'later'));
  });

  it('reads no further while the receiver is busy, and holds the sender back', async () => {
    let sent = 0;
    const big = 'x'.repeat(100_000);
    await using server = await streaming(async (sink) => {
      while (sent < 100 && (await sink.send(configuration(big)))) sent += 1;
      return ok;
    });
    let busy = 0;
    let seen = 0;
    let release = () => {};
    const closed = Promise.withResolvers<RpcStatus>();
    callServerStream(server.connect(), path, start, noMetadata, options(), {
      onMessage: async () => {
        seen += 1;
        busy += 1;
        expect(busy).toBe(1);
        if (seen === 1) await new Promise<void>((resolve) => (release = resolve));
        else await settled();
        busy -= 1;
      },
      onClosed: closed.resolve,
    });
    for (let quiet = 0, before = -1; quiet < 20; quiet += 1) {
      await settled();
      if (sent !== before || seen === 0) quiet = 0;
      before = sent;
    }
    expect(seen).toBe(1);
    expect(sent).toBeLessThan(40);
    release();
    expect(await closed.promise).toEqual(ok);
    expect(seen).toBe(100);
  });

  it('learns from send and from its signal that the client has left', async () => {
    const last = Promise.withResolvers<boolean>();
    await using server = await streaming(async (sink, signal) => {
      await sink.send(configuration('1'));
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      last.resolve(await sink.send(configuration('2')));
      return ok;
    });
    const closed = Promise.withResolvers<RpcStatus>();
    const call: { cancel(reason: string): void } = callServerStream(
      server.connect(),
      path,
      start,
      noMetadata,
      options(),
      {
        onMessage: () => call.cancel('seen enough'),
        onClosed: closed.resolve,
      },
    );
    expect((await closed.promise).code).toBe(StatusCode.Canceled);
    expect(await last.promise).toBe(false);
  });

  it('refuses a response that breaks its rules, and cancels the call', async () => {
    const rules = methods.getObjectsToSynchronize;
    await using server = await loopback();
    const told = Promise.withResolvers<string>();
    server.grpc.handle(rules.path, (call) => {
      call.stream.handler = {
        onMessage: () => call.stream.write(frame(Buffer.alloc(0))),
        onHalfClosed: () => {},
        onDrain: () => {},
        onClosed: (end) => told.resolve(end.kind),
      };
    });
    const outcome = await new Promise<RpcStatus>((onClosed) => {
      callServerStream(server.connect(), rules, create(rules.request), noMetadata, options(), {
        onMessage: () => onClosed(ok),
        onClosed,
      });
    });
    expect(outcome.code).toBe(StatusCode.InvalidArgument);
    expect(outcome.message).toMatch(/^invalid server response: invalid ObjectsToSynchronizeResponse\./);
    expect(await told.promise).toBe('cancelled');
  });

  it('ends with INTERNAL when the receiver rejects', async () => {
    await using server = await streaming(async (sink, signal) => {
      await sink.send(configuration('1'));
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return ok;
    });
    const outcome = await new Promise<RpcStatus>((onClosed) => {
      callServerStream(server.connect(), path, start, noMetadata, options(), {
        onMessage: () => Promise.reject(new Error('bug')),
        onClosed,
      });
    });
    expect(outcome).toEqual(status(StatusCode.Internal, 'internal error'));
  });
});
