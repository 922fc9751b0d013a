/** What agents may and may not do on a tunnel, and as whom requests arrive there. */
import { fromBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubernetesHeaderExtraSchema } from '../../src/protocol/index.ts';
import { FakeAgent } from './fake-agent.ts';
import { KasUnderTest, tokens, type KasUnderTestOptions } from './kas-under-test.ts';

const job = `Bearer ci:1:${tokens.job}`;
let kas: KasUnderTest;
let agent: FakeAgent;

async function begin(options: KasUnderTestOptions = {}): Promise<void> {
  kas = await KasUnderTest.start(options);
  agent = new FakeAgent(kas.ports.agents, tokens.agent);
}

afterEach(() => kas.finish(agent));

describe('a tunnel', () => {
  beforeEach(() => begin());

  it('is used again when the agent offers it, and each side says so', async () => {
    const tunnel = await kas.idleTunnel(agent, { reuse: true });
    for (const path of ['/one', '/two', '/three']) {
      const answered = kas.call(path);
      const { head } = await tunnel.request();
      expect(head.request?.urlPath).toBe(path);
      expect(tunnel.headers?.get('kastor-tunnel-reuse')).toEqual(['1']);
      tunnel.respondHead();
      tunnel.respondBody(path);
      tunnel.respondEnd();
      tunnel.describe();
      expect(await (await answered).body.text()).toBe(path);
      await kas.reaches({ idle: 1, requests: 0 });
    }
    expect(tunnel.ended).toBeUndefined();
    tunnel.halfClose();
    expect((await tunnel.status).code).toBe(grpc.status.OK);
  });

  it('is used once when the agent does not offer more', async () => {
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/one');
    await tunnel.request();
    expect(tunnel.headers?.get('kastor-tunnel-reuse')).toEqual([]);
    tunnel.respond('one');
    expect(await (await answered).body.text()).toBe('one');
    expect((await tunnel.status).code).toBe(grpc.status.OK);
    await kas.reaches({ tunnels: 0 });
  });

  it.each([
    ['a header', { case: 'header', value: {} }],
    ['a trailer', { case: 'trailer', value: {} }],
    ['a message', { case: 'message', value: { data: Buffer.from([0x1a, 0]) } }], // an HTTP trailer
  ] as const)('that begins with %s is refused', async (_name, msg) => {
    const tunnel = agent.connect();
    tunnel.send({ msg });
    const { code, details } = await tunnel.status;
    expect(code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(details).toMatch(/^Invalid oneof value type: /);
    await kas.reaches({ tunnels: 0 });
  });

  it('that speaks while it is idle is refused', async () => {
    const tunnel = await kas.idleTunnel(agent);
    tunnel.describe();
    expect((await tunnel.status).code).toBe(grpc.status.INVALID_ARGUMENT);
    await kas.reaches({ tunnels: 0, idle: 0 });
  });

  it('that breaks the order of an exchange is refused, and its client gets 502', async () => {
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/x');
    await tunnel.request();
    tunnel.send({ msg: { case: 'trailer', value: {} } });
    expect((await tunnel.status).code).toBe(grpc.status.INVALID_ARGUMENT);
    expect((await answered).statusCode).toBe(502);
  });

  it('that does not send its next descriptor in time is ended with OK', async () => {
    const tunnel = await kas.idleTunnel(agent, { reuse: true });
    const answered = kas.call('/one');
    await tunnel.request();
    tunnel.respondHead();
    tunnel.respondEnd();
    await (await answered).body.dump();
    await kas.reaches({ requests: 0 });
    await kas.clock.advanceAsync(10_100);
    expect((await tunnel.status).code).toBe(grpc.status.OK);
  });

  it('is one of at most a thousand of a session', async () => {
    const tunnels = Array.from({ length: 1_000 }, () => agent.connect().describe());
    await kas.reaches({ idle: 1_000 });
    const { code, details } = await agent.connect().describe().status;
    expect([code, details]).toEqual([grpc.status.RESOURCE_EXHAUSTED, 'too many tunnels']);
    for (const tunnel of tunnels) tunnel.cancel();
    await kas.reaches({ tunnels: 0 });
    await kas.idleTunnel(agent);
  });
});

describe('impersonation', () => {
  async function impersonationOf(headers: Readonly<Record<string, string>>) {
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/x', { headers });
    const { head } = await tunnel.request();
    tunnel.respond();
    await (await answered).body.dump();
    expect(head.extra?.typeUrl).toBe('type.googleapis.com/gitlab.agent.kubernetes_api.rpc.HeaderExtra');
    return fromBinary(KubernetesHeaderExtraSchema, head.extra?.value ?? Buffer.alloc(0)).impConfig;
  }

  it('of a job as itself', async () => {
    await begin({ accessAs: '{ ci_job: {} }', environment: '{ slug: prod, tier: production }' });
    const found = await impersonationOf({ authorization: job });
    expect(found).toMatchObject({ username: 'gitlab:ci_job:100', uid: '' });
    expect(found?.groups).toEqual([
      'gitlab:ci_job',
      'gitlab:group:10',
      'gitlab:group_env_tier:10:production',
      'gitlab:project:1',
      'gitlab:project_env:1:prod',
      'gitlab:project_env_tier:1:production',
    ]);
    expect(found?.extra.map(({ key, val }) => `${key.split('/')[1]}=${val.join()}`)).toEqual([
      'id=1',
      'config_project_id=1',
      'project_id=1',
      'ci_pipeline_id=50',
      'ci_job_id=100',
      'username=alice',
      'environment_slug=prod',
      'environment_tier=production',
    ]);
  });

  it('of a job as somebody named', async () => {
    await begin({
      accessAs: '{ impersonate: { username: bob, uid: u, groups: [g], extra: [{ key: k, val: [v, w] }] } }',
    });
    expect(await impersonationOf({ authorization: job })).toMatchObject({
      username: 'bob',
      uid: 'u',
      groups: ['g'],
      extra: [{ key: 'k', val: ['v', 'w'] }],
    });
  });

  it('of a person with a token', async () => {
    await begin();
    const found = await impersonationOf({ authorization: `Bearer pat:1:${tokens.person}` });
    expect(found?.username).toBe('gitlab:user:alice');
    expect(found?.groups).toContain('gitlab:project_role:1:developer');
    expect(found?.extra.find(({ key }) => key.endsWith('access_type'))?.val).toEqual([
      'personal_access_token',
    ]);
  });
});
