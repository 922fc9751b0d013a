import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Agent, request } from 'undici';
import {
  joinAddress,
  openObservability,
  type Observability,
  type ObservabilityOptions,
} from '../../src/inspect/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';

const opened: Observability[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

async function endpoint(options: Partial<ObservabilityOptions> = {}) {
  const log = new RecordingLog();
  const clock = new VirtualClock();
  const observability = await openObservability({
    network: 'tcp',
    host: '127.0.0.1',
    port: 0,
    paths: { metrics: '/metrics', liveness: '/liveness', readiness: '/readiness' },
    readinessProbes: {},
    exposeMetrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
    serverName: 'gitlab-kas/v1/abc',
    log,
    clock,
    ...options,
  });
  opened.push(observability);
  const get = async (path: string, method: 'GET' | 'POST' | 'HEAD' = 'GET') => {
    const { statusCode, headers, body } = await request(`http://127.0.0.1:${observability.port}${path}`, {
      method,
      reset: true,
    });
    return { statusCode, headers, text: await body.text() };
  };
  return { observability, get, log, clock };
}

describe('the observability endpoint', () => {
  it('gives metrics, ignoring the query', async () => {
    const { get } = await endpoint();
    const { statusCode, headers, text } = await get('/metrics?x=y');
    expect([statusCode, text]).toEqual([200, 'up 1\n']);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4');
    expect(headers['server']).toBe('gitlab-kas/v1/abc');
  });

  it('answers liveness 200 and empty without probes', async () => {
    const { get } = await endpoint();
    expect(await get('/liveness')).toMatchObject({ statusCode: 200, text: '' });
  });

  it('names the first probe that fails', async () => {
    let failure: string | undefined = 'not ready yet';
    const readinessProbes = { fine: () => undefined, agentServer: () => failure, later: () => 'never seen' };
    const { get } = await endpoint({ readinessProbes });
    expect(await get('/readiness')).toMatchObject({ statusCode: 500, text: 'agentServer: not ready yet' });
    failure = undefined;
    expect(await get('/readiness')).toMatchObject({ statusCode: 500, text: 'later: never seen' });
  });

  it('gives the state as JSON with exact 64-bit ids', async () => {
    const { get } = await endpoint({ state: () => ({ agentId: 2n ** 63n - 1n }) });
    expect((await get('/state')).text).toBe('{"agentId":"9223372036854775807"}');
  });

  it('knows nothing else and takes nothing', async () => {
    const { get } = await endpoint();
    expect((await get('/state')).statusCode).toBe(404);
    expect((await get('/metrics/x')).statusCode).toBe(404);
    const posted = await get('/metrics', 'POST');
    expect([posted.statusCode, posted.headers['allow']]).toEqual([405, 'GET, HEAD']);
    expect((await get('/metrics', 'HEAD')).statusCode).toBe(200);
  });

  it('answers 500 when the metrics cannot be read, and logs why', async () => {
    const { get, log } = await endpoint({ exposeMetrics: () => Promise.reject(new Error('broken')) });
    expect((await get('/metrics')).statusCode).toBe(500);
    expect(log.text).toContain('Observability request failed');
  });

  it('says where it is, and rejects when it cannot be there', async () => {
    const { observability, log } = await endpoint();
    expect(log.lines[0]).toMatchObject({
      message: 'Observability endpoint is up',
      fields: { net_network: 'tcp', net_address: `127.0.0.1:${observability.port}` },
    });
    await expect(endpoint({ port: observability.port })).rejects.toThrow('EADDRINUSE');
  });

  it('listens on a socket path', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kastor-observability-'));
    const socketPath = join(folder, 's');
    await endpoint({ network: 'unix', socketPath });
    const dispatcher = new Agent({ connect: { socketPath } });
    const { statusCode, body } = await request('http://localhost/liveness', { dispatcher });
    await body.dump();
    expect(statusCode).toBe(200);
    await dispatcher.close();
    await rm(folder, { recursive: true });
  });

  it('closes at once when nothing runs, and after its grace when a caller hangs', async () => {
    const first = await endpoint();
    await first.observability.close();
    expect(first.clock.pending).toBe(0);
    const second = await endpoint();
    const socket = createConnection(second.observability.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /liveness HTTP/1.1\r\nHost: x\r\n');
    await new Promise((resolve) => socket.once('connect', resolve));
    await second.get('/liveness'); // the server has read the other socket by now, or at least accepted it
    const closed = second.observability.close();
    await second.clock.advanceAsync(15_000);
    await closed;
    socket.destroy();
  });
});

it('addresses of IPv6 hosts have brackets', () => {
  expect([joinAddress('::1', 80), joinAddress('a.b', 80)]).toEqual(['[::1]:80', 'a.b:80']);
});
