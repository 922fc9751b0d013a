/** Requests of modules to GitLab, through a kas that is not ours. */
import { status } from '@grpc/grpc-js';
import { connect, type ClientHttp2Session } from 'node:http2';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GitlabAccess } from '../../src/agentk/gitlab-access.ts';
import { createKasCaller } from '../../src/agentk/kas-caller.ts';
import { LinkBoard } from '../../src/agentk/link/index.ts';
import { createMetrics } from '../../src/host/index.ts';
import { StatusCode } from '../../src/protocol/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { silentLog } from '../gitlab/recording-log.ts';
import { until } from './agent-under-test.ts';
import { FakeKas } from './fake-kas.ts';

let kas: FakeKas;
let session: ClientHttp2Session;
let board: LinkBoard;
let clock: VirtualClock;
let gitlab: GitlabAccess;

beforeEach(async () => {
  kas = await FakeKas.start();
  session = connect(`http://127.0.0.1:${kas.port}`);
  session.on('error', () => {});
  await once(session, 'connect');
  board = new LinkBoard();
  clock = new VirtualClock();
  const caller = createKasCaller({
    token: 'agent-token',
    headers: new Map(),
    authority: 'kas',
    userAgent: 'agentk',
    clock,
    log: silentLog,
    metrics: createMetrics({ processMetrics: false }).metrics,
  });
  gitlab = new GitlabAccess('remote_development', board, caller);
});

afterEach(() => {
  session.destroy();
  kas.stop();
});

test('a request arrives whole, in pieces kas takes, and its answer comes back', async () => {
  kas.gitlab = () => ({ status: 201, chunks: ['{"a":', '1}'] });
  board.announce({ incarnation: 1, session });
  const text = 'x'.repeat(70_000);
  const answer = await gitlab.request({
    method: 'POST',
    path: '/reconcile',
    query: { page: ['1', '2'] },
    headers: { 'X-Thing': ['a'] },
    json: { text },
  });
  expect(answer).toMatchObject({ kind: 'answered', status: 201 });
  expect(answer.kind === 'answered' && answer.body.toString()).toBe('{"a":1}');
  expect(kas.gitlabRequests).toEqual([
    {
      module: 'remote_development',
      method: 'POST',
      path: '/reconcile',
      query: { page: ['1', '2'] },
      headers: { 'Content-Type': ['application/json'], 'X-Thing': ['a'] },
      body: JSON.stringify({ text }),
      chunks: [32_768, 32_768, 4_475],
      hasLength: false,
    },
  ]);
  expect([...kas.authorizations]).toEqual(['Bearer agent-token']);
  expect(clock.pending).toBe(0);
});

test('an answer is handed on as it comes, while its taker keeps up', async () => {
  kas.gitlab = () => ({ status: 200, chunks: ['one', 'two', 'three'] });
  board.announce({ incarnation: 1, session });
  const taken: string[] = [];
  const answer = await gitlab.request({
    path: '/stream',
    onData: async (chunk) => {
      await Promise.resolve();
      taken.push(chunk.toString());
    },
  });
  expect(answer).toMatchObject({ kind: 'answered', status: 200, body: Buffer.alloc(0) });
  expect(taken).toEqual(['one', 'two', 'three']);
});

test('a request waits for a connection, and for an answer, but not for ever', async () => {
  const early = gitlab.request({ path: '/x' });
  await clock.advanceAsync(30_000);
  kas.gitlab = () => ({ status: 200, chunks: [] });
  board.announce({ incarnation: 1, session });
  expect(await early).toMatchObject({ kind: 'answered', status: 200 });

  kas.gitlab = undefined;
  const unanswered = gitlab.request({ path: '/silent', deadlineMs: 5_000 });
  await until(() => kas.gitlabRequests.length === 2, 'the request is at kas');
  await clock.advanceAsync(5_000);
  expect(await unanswered).toMatchObject({ kind: 'failed', status: { code: StatusCode.DeadlineExceeded } });

  board.withdraw();
  const unconnected = gitlab.request({ path: '/x', deadlineMs: 5_000 });
  await clock.advanceAsync(5_000);
  expect(await unconnected).toMatchObject({ kind: 'failed', status: { code: StatusCode.DeadlineExceeded } });

  const abort = new AbortController();
  const cancelled = gitlab.request({ path: '/x', signal: abort.signal });
  abort.abort();
  expect(await cancelled).toMatchObject({ kind: 'failed', status: { code: StatusCode.Canceled } });
  expect(clock.pending).toBe(0);
});

test('what kas refuses comes to the module and is not repeated', async () => {
  board.announce({ incarnation: 1, session });
  kas.refusal = { code: status.PERMISSION_DENIED, details: 'no' };
  const standings: unknown[] = [];
  board.onStanding = (_, standing) => standings.push(standing);
  expect(await gitlab.request({ path: '/x' })).toEqual({
    kind: 'failed',
    status: expect.objectContaining({ code: StatusCode.PermissionDenied, message: 'no' }) as unknown,
  });
  expect(standings).toEqual([]);
});
