/**
 * A Kubernetes API server through kas, tunnel and agentk: real processes, and a real kube-apiserver where its binaries are
 * (`KUBEBUILDER_ASSETS`), the simulated one elsewhere. The console says which.
 */
import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type Cluster } from '../fakes/kube-apiserver.ts';
import { until, World } from './world.ts';

const json = { 'content-type': 'application/json' };
const namespace = 'tunnelled';
const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
const many = 10_000;

let cluster: Cluster;
let world: World;

beforeAll(async () => {
  cluster = await startCluster();
  world = await World.prepare({ kubeconfig: cluster.kubeconfigPath });
  await world.startBoth();
  const made = await world.send('POST', '/api/v1/namespaces', object('v1', 'Namespace', namespace), json);
  expect(made.status).toBe(201);
}, 180_000);

afterAll(async () => {
  await world.close();
  await cluster.stop();
});

function object(apiVersion: string, kind: string, name: string, more: object = {}): string {
  return JSON.stringify({ apiVersion, kind, metadata: { name }, ...more });
}

interface Listed {
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
  readonly metadata: { readonly resourceVersion: string };
}

describe('a cluster through the tunnel', () => {
  it('gets, creates, replaces, patches and deletes', async () => {
    const created = await world.send(
      'POST',
      configMaps,
      object('v1', 'ConfigMap', 'one', { data: { a: '1' } }),
      json,
    );
    expect(created.status).toBe(201);
    const got = await world.get(`${configMaps}/one`);
    expect(JSON.parse(got.text)).toMatchObject({ data: { a: '1' } });
    const patched = await world.send('PATCH', `${configMaps}/one`, '{"data":{"b":"2"}}', {
      'content-type': 'application/merge-patch+json',
    });
    expect(JSON.parse(patched.text)).toMatchObject({ data: { a: '1', b: '2' } });
    const replaced = await world.send(
      'PUT',
      `${configMaps}/one`,
      object('v1', 'ConfigMap', 'one', { data: { c: '3' } }),
      json,
    );
    expect(JSON.parse(replaced.text).data).toEqual({ c: '3' });
    expect((await world.send('DELETE', `${configMaps}/one`, undefined)).status).toBe(200);
    expect((await world.get(`${configMaps}/one`)).status).toBe(404);
  });

  it('applies on the server side and reports the conflict of another manager', async () => {
    const apply = (manager: string, value: string, force = false) =>
      world.send(
        'PATCH',
        `${configMaps}/applied?fieldManager=${manager}${force ? '&force=true' : ''}`,
        object('v1', 'ConfigMap', 'applied', { data: { key: value } }),
        { 'content-type': 'application/apply-patch+yaml' },
      );
    expect([200, 201]).toContain((await apply('first', 'a')).status);
    const conflict = await apply('second', 'b');
    expect(conflict.status).toBe(409);
    expect(conflict.text).toContain('conflict');
    expect((await apply('second', 'b', true)).status).toBe(200);
  });

  it(`lists ${many} ConfigMaps whole and in pages`, async () => {
    // Made straight at the API server: this test is about reading them through the tunnel.
    await make(many);
    const whole = JSON.parse((await world.get(`${configMaps}?labelSelector=bulk`)).text) as Listed;
    expect(whole.items).toHaveLength(many);
    const names = new Set<string>();
    let next = '';
    do {
      const page = await world.get(
        `${configMaps}?labelSelector=bulk&limit=2500${next === '' ? '' : `&continue=${next}`}`,
      );
      const body = JSON.parse(page.text) as Listed & { readonly metadata: { readonly continue?: string } };
      for (const { metadata } of body.items) names.add(metadata.name);
      next = encodeURIComponent(body.metadata.continue ?? '');
    } while (next !== '');
    expect(names.size).toBe(many);
  }, 300_000);

  it('carries an answer of more than 20 MB unharmed', async () => {
    const filler = 'x'.repeat(900_000);
    for (let i = 0; i < 24; i++) {
      const { status } = await world.send(
        'POST',
        configMaps,
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `large-${i}`, labels: { large: 'yes' } },
          data: { filler },
        }),
        json,
      );
      expect(status).toBe(201);
    }
    const { text } = await world.get(`${configMaps}?labelSelector=large`);
    expect(text.length).toBeGreaterThan(20 * 1024 * 1024);
    const { items } = JSON.parse(text) as {
      items: readonly { readonly data: { readonly filler: string } }[];
    };
    expect(items.every(({ data }) => data.filler === filler)).toBe(true);
  }, 120_000);

  it('watches for a minute and tells each change as it happens', async () => {
    const { metadata } = JSON.parse((await world.get(`${configMaps}?labelSelector=watched`)).text) as Listed;
    const abort = new AbortController();
    const response = await request(
      `https://127.0.0.1:${world.ports.kubernetesApi}${configMaps}?labelSelector=watched&watch=true&resourceVersion=${metadata.resourceVersion}`,
      { headers: { authorization: world.authorization }, dispatcher: world.dispatcher, signal: abort.signal },
    );
    expect(response.statusCode).toBe(200);
    const seen: string[] = [];
    let rest = '';
    response.body.on('data', (data: Buffer) => {
      const lines = (rest + data.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = JSON.parse(line) as { type: string; object: { data?: { n?: string } } };
        if (event.type !== 'BOOKMARK') seen.push(`${event.type} ${event.object.data?.n ?? ''}`);
      }
    });
    response.body.on('error', () => {});
    const started = performance.now();
    let slowestMs = 0;
    let n = 0;
    while (performance.now() - started < 60_000) {
      const body = JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'watched', labels: { watched: 'yes' } },
        data: { n: String(n) },
      });
      const changed =
        n === 0
          ? await world.send('POST', configMaps, body, json)
          : await world.send('PUT', `${configMaps}/watched`, body, json);
      expect(changed.status).toBeLessThan(300);
      const changedAt = performance.now();
      const expected = `${n === 0 ? 'ADDED' : 'MODIFIED'} ${n}`;
      await until(`the watch to tell ${expected}`, 5_000, () => (seen.includes(expected) ? true : undefined));
      slowestMs = Math.max(slowestMs, performance.now() - changedAt);
      n++;
    }
    abort.abort();
    expect(seen).toHaveLength(n);
    expect(n).toBeGreaterThan(50);
  }, 120_000);

  it('serves kubectl: apply, get, delete', async () => {
    const file = `${world.folder}/manifest.json`;
    await writeFile(file, object('v1', 'ConfigMap', 'by-kubectl', { data: { x: 'y' } }));
    const applied = await world.kubectl(['-n', namespace, 'apply', '-f', file]);
    expect(applied.stderr + applied.stdout).toContain('configmap/by-kubectl created');
    const got = await world.kubectl(['-n', namespace, 'get', 'configmap', 'by-kubectl']);
    expect(got.stdout).toMatch(/NAME\s+DATA\s+AGE/);
    const deleted = await world.kubectl(['-n', namespace, 'delete', 'configmap', 'by-kubectl']);
    expect(deleted.stdout).toContain('deleted');
  }, 60_000);
});

describe('a CI job with access_as ci_job', () => {
  let jobs: World;

  beforeAll(async () => {
    jobs = await World.prepare({
      kubeconfig: cluster.kubeconfigPath,
      configuration: `ci_access:\n  projects:\n    - id: demo/agents\n      access_as: { ci_job: {} }\n`,
    });
    await jobs.startBoth();
  }, 60_000);
  afterAll(async () => {
    await jobs.close();
  });

  it("acts as the job in the API server's decision, and gets what its group is granted", async () => {
    const denied = await jobs.get(configMaps);
    expect(denied.status).toBe(403);
    expect(JSON.parse(denied.text).message).toContain(
      `User "gitlab:ci_job:100" cannot list resource "configmaps" in API group "" in the namespace "${namespace}"`,
    );
    await admin('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'reader' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }],
    });
    await admin('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'jobs-read' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'gitlab:project:1' }],
    });
    await until('the grant to take effect', 10_000, async () =>
      (await jobs.get(`${configMaps}?limit=1`)).status === 200 ? true : undefined,
    );
    expect((await jobs.send('POST', configMaps, object('v1', 'ConfigMap', 'no'), json)).status).toBe(403);
  });

  it('may not impersonate anybody else besides', async () => {
    const nested = await jobs.get(configMaps, { 'impersonate-user': 'admin' });
    expect(nested.status).toBe(502);
    expect(nested.text).toContain('nested impersonation is not supported');
  });
});

async function admin(method: 'POST', path: string, body: object): Promise<void> {
  const dispatcher = new Agent({ connect: { ca: cluster.caPem } });
  const response = await request(`${cluster.url}${path}`, {
    method,
    dispatcher,
    headers: { authorization: `Bearer ${cluster.adminToken}`, ...json },
    body: JSON.stringify(body),
  });
  const text = await response.body.text();
  await dispatcher.close();
  if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
}

/** Makes ConfigMaps labelled `bulk`, some hundred at a time. */
async function make(count: number): Promise<void> {
  const dispatcher = new Agent({ connect: { ca: cluster.caPem }, connections: 32 });
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const name = `bulk-${next++}`;
      const response = await request(`${cluster.url}${configMaps}`, {
        method: 'POST',
        dispatcher,
        headers: { authorization: `Bearer ${cluster.adminToken}`, ...json },
        body: JSON.stringify({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name, labels: { bulk: 'yes' } },
          data: { name },
        }),
      });
      await response.body.dump();
      if (response.statusCode !== 201) throw new Error(`${name}: ${response.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  await dispatcher.close();
}
