/** Workloads that their pods declare failed. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SyncRunner } from '../../../src/agentk/gitops/index.ts';
import { PodsStatus, selectorText } from '../../../src/agentk/gitops/pods-status.ts';
import { Discovery, type KubeObject } from '../../../src/agentk/kubernetes/index.ts';
import { systemClock } from '../../../src/host/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { ShiftedClock } from '../../fakes/shifted-clock.ts';
import { gitopsWorld, lineOf, manifestOf, usual, type GitopsWorld } from './gitops-world.ts';
import type { SyncEvent } from '../../../src/agentk/gitops/index.ts';

const realCluster = (process.env['KUBEBUILDER_ASSETS'] ?? '') !== '';
const nodes = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false };
const never = new AbortController().signal;
const workload = (kind: string, more: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name: 'web', namespace: 'shop' },
  spec: { replicas: 1, selector: { matchLabels: { app: 'web' } } },
  status: { replicas: 1 },
  ...more,
});
const pod = (status: Record<string, unknown>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-0' },
  status,
});
const crashing = pod({
  phase: 'Running',
  containerStatuses: [{ name: 'web', state: { waiting: { reason: 'CrashLoopBackOff' } } }],
});
const starting = pod({ phase: 'Pending' });

type List = ConstructorParameters<typeof PodsStatus>[0]['list'];
const page = (items: readonly KubeObject[]) =>
  Promise.resolve({ kind: 'ok', value: { items, resourceVersion: '1', continue: '' } } as const);

async function judged(live: KubeObject, list: List) {
  const told: unknown[] = [];
  const pods = new PodsStatus({ list }, never);
  if (
    !pods.judge(
      'key',
      live,
      () => 0,
      (status) => told.push(status),
    )
  )
    return 'not asked';
  await expect.poll(() => told.length).toBe(1);
  return told[0];
}

describe('pods', () => {
  test('that crash again and again declare a ReplicaSet and a StatefulSet failed, but no Deployment', async () => {
    const list: List = () => page([starting, crashing]);
    const verdict = { status: 'Failed', message: 'pod web-0: containers crash: web' };
    expect(await judged(workload('StatefulSet'), list)).toEqual(verdict);
    expect(await judged(workload('ReplicaSet'), list)).toEqual(verdict);
    expect(await judged(workload('Deployment'), list)).toBe('not asked');
  });

  test('that start say nothing, and pods that cannot be listed leave the status unknown', async () => {
    expect(await judged(workload('StatefulSet'), () => page([starting]))).toMatchObject({
      status: 'InProgress',
    });
    const refused = { kind: 'refused', code: 403, reason: 'Forbidden', message: 'no rights' } as const;
    expect(await judged(workload('StatefulSet'), () => Promise.resolve(refused as never))).toMatchObject({
      status: 'Unknown',
    });
  });

  test('are not asked about a workload that is as it should be, or that selects none', async () => {
    const list: List = () => page([crashing]);
    const done = { replicas: 1, readyReplicas: 1, availableReplicas: 1, fullyLabeledReplicas: 1 };
    expect(await judged(workload('ReplicaSet', { status: done }), list)).toBe('not asked');
    expect(await judged(workload('ReplicaSet', { spec: { replicas: 1 } }), list)).toBe('not asked');
  });

  test('are asked for once at a time; an answer about what has been seen anew meanwhile is none', async () => {
    let asked = 0;
    let answer: (pods: readonly KubeObject[]) => void = () => {};
    const list: List = () => {
      asked += 1;
      return new Promise((resolve) => (answer = (items) => void page(items).then(resolve)));
    };
    const told: string[] = [];
    const pods = new PodsStatus({ list }, never);
    const judge = (live: KubeObject) =>
      pods.judge(
        'key',
        live,
        () => 0,
        ({ status }) => told.push(status),
      );
    const [older, newer] = [workload('StatefulSet'), workload('StatefulSet')];
    expect([judge(older), judge(newer), asked]).toEqual([true, true, 1]);
    answer([crashing]);
    await expect.poll(() => judge(newer) && asked).toBe(2);
    expect(told).toEqual([]);
    answer([crashing]);
    await expect.poll(() => told).toEqual(['Failed']);
  });
});

test.each([
  [{ matchLabels: { a: '1', b: '2' } }, 'a=1,b=2'],
  [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['1', '2'] }] }, 'a in (1,2)'],
  [
    {
      matchLabels: { x: 'y' },
      matchExpressions: [
        { key: 'a', operator: 'NotIn', values: ['1'] },
        { key: 'b', operator: 'Exists' },
        { key: 'c', operator: 'DoesNotExist' },
      ],
    },
    'x=y,a notin (1),b,!c',
  ],
  [{ matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] }, ''],
  [undefined, ''],
])('the selector %j is the query %j', (selector, text) => expect(selectorText(selector)).toBe(text));

// A real API server alone has nobody who makes pods.
describe.skipIf(realCluster)('a run', () => {
  let world: GitopsWorld;
  beforeAll(async () => {
    world = await gitopsWorld();
  }, 120_000);
  afterAll(() => world.stop());

  test('does not wait for a StatefulSet whose pod no node can take', { timeout: 60_000 }, async () => {
    const { namespace } = await world.project();
    const { value: page } = (await world.client.list(nodes)) as { value: { items: readonly KubeObject[] } };
    for (const { metadata } of page.items) {
      const cordoned = { spec: { unschedulable: true } };
      await world.client.patch(nodes, { name: metadata.name }, cordoned, {
        type: 'merge',
        fieldManager: 'test',
      });
    }
    const clock = new ShiftedClock();
    clock.shift(60_000); // pods get some seconds to find a node
    const { client, supervisor, log } = world;
    const runner = new SyncRunner({
      client,
      supervisor,
      log,
      clock,
      discovery: new Discovery(client, systemClock),
      name: 'pods',
      random: new SeededRandom(5),
    });
    const set = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'web' },
      spec: {
        serviceName: 'web',
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'web:1' }] },
        },
      },
    };
    const events: SyncEvent[] = [];
    const input = {
      commitId: 'c',
      agentId: 7n,
      projectId: 99n,
      manifests: [manifestOf(set)],
      options: { ...usual, defaultNamespace: namespace, reconcileTimeoutMs: 0 },
    };
    const result = await runner.run(input, { signal: never, tell: (event) => events.push(event) });
    expect(result).toMatchObject({
      kind: 'failed',
      firstFailure: { error: expect.stringMatching(/^pod web-0: cannot be scheduled/) },
    });
    expect(events.flatMap(lineOf)).toEqual([
      'apply StatefulSet/web Successful',
      'wait StatefulSet/web Failed',
    ]);
  });
});
