/** Events of manifest projects in a cluster, simulated or real. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterNotes } from '../../../src/agentk/gitops-report/cluster-notes.ts';
import { eventType } from '../../../src/agentk/kubernetes/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';
import {
  clusterUnderTest,
  configMap,
  configMaps,
  type ClusterUnderTest,
} from '../kubernetes/cluster-under-test.ts';

let world: ClusterUnderTest;
let namespace: string;
beforeAll(async () => {
  world = await clusterUnderTest();
  namespace = await world.namespace('reports');
  await world.client.create(configMaps, namespace, configMap('inventory-1-2'));
});
afterAll(() => world.stop());

test('the inventory has an Event per outcome, and failing objects tell their last one', async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const log = new RecordingLog();
  const told: unknown[] = [];
  const { client } = world;
  const onLastEvent = (...args: readonly unknown[]) => told.push(args);
  const notes = new ClusterNotes({ client, onLastEvent, clock, log });
  const web = { group: 'apps', kind: 'Deployment', namespace, name: 'web' };
  for (const [name, message, lastTimestamp] of [
    ['web', 'exceeded quota', '2026-01-01T00:00:09Z'],
    ['web', 'older', '2026-01-01T00:00:01Z'],
    ['other', 'of another', '2026-01-01T00:00:10Z'],
  ] as const) {
    await client.create(eventType, namespace, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { generateName: 'e-', name: `e-${message.replace(' ', '-')}` },
      involvedObject: { kind: 'Deployment', name, namespace },
      reason: 'FailedCreate',
      message,
      lastTimestamp,
      type: 'Warning',
    });
  }
  const counts = { applied: 1, pruned: 0, skipped: 0, failed: 1, unreconciled: 0 };
  const result = { kind: 'failed', reason: 'denied', counts, firstFailure: undefined } as const;
  const inventory = { namespace, name: 'inventory-1-2' };
  const { signal } = new AbortController();
  for (let index = 0; index < 3; index++) {
    notes.add({ project: 'demo/shop', commitId: 'c1', result, inventory, failing: [web] });
    expect(await notes.work(signal)).toEqual({ kind: 'empty' });
    clock.advance(60_000);
  }
  expect(log.lines).toEqual([]);
  expect(told[0]).toEqual(['demo/shop', web, 'FailedCreate: exceeded quota']);
  const listed = await client.list(eventType, {
    namespace,
    fieldSelector: 'involvedObject.kind=ConfigMap,involvedObject.name=inventory-1-2',
  });
  expect(listed.kind === 'ok' ? listed.value.items : listed).toMatchObject([
    {
      reason: 'SynchronizationFailed',
      count: 3,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:02:00Z',
    },
  ]);
});
