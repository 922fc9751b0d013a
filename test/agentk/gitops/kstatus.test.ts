/** The health of objects, rule by rule (`spec/agentk.md §5.12`). */
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/agentk/kubernetes/index.ts';
import { statusOf } from '../../../src/agentk/gitops/kstatus.ts';

const now = Date.UTC(2024, 0, 1);
const ago = (seconds: number) => new Date(now - seconds * 1_000).toISOString();
type Row = readonly [expected: string, status: object, spec?: object, metadata?: object];

function of(apiVersion: string, kind: string, [, status, spec = {}, metadata = {}]: Row): KubeObject {
  return { apiVersion, kind, metadata: { name: 'x', ...metadata }, spec, status };
}
const on = (type: string, status = 'True', reason = '') => ({ type, status, reason });
const full = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
const up = { ...full, conditions: [on('Available'), on('Progressing', 'True', 'NewReplicaSetAvailable')] };
const set = { replicas: 2, readyReplicas: 2, currentReplicas: 2, currentRevision: 'a', updateRevision: 'a' };
const daemons = {
  observedGeneration: 1,
  desiredNumberScheduled: 2,
  currentNumberScheduled: 2,
  updatedNumberScheduled: 2,
  numberAvailable: 2,
  numberReady: 2,
};
const generation = { generation: 1 };
const crash = [{ name: 'a', state: { waiting: { reason: 'CrashLoopBackOff' } } }];
const unschedulable = { phase: 'Pending', conditions: [on('PodScheduled', 'False', 'Unschedulable')] };

const tables: Readonly<Record<string, readonly Row[]>> = {
  'example.com/v1 Any': [
    ['Current', {}],
    ['Terminating', { conditions: [on('Stalled')] }, {}, { deletionTimestamp: ago(1) }],
    ['InProgress', { observedGeneration: 1 }, {}, { generation: 2 }],
    ['Current', { observedGeneration: 2 }, {}, { generation: 2 }],
    ['InProgress', { conditions: [on('Reconciling'), on('Stalled')] }],
    ['Failed', { conditions: [on('Stalled'), on('Reconciling')] }],
    ['Current', { conditions: [on('Stalled', 'False')] }],
    ['Current', { conditions: [on('Ready')] }],
    ['InProgress', { conditions: [on('Ready', 'False')] }],
    ['InProgress', { conditions: [on('Ready', 'Unknown')] }],
    ['Current', { conditions: 'nonsense', observedGeneration: 'x' }, {}, { generation: 2 }],
  ],
  'apps/v1 Deployment': [
    ['Current', up, { replicas: 2, progressDeadlineSeconds: 600 }],
    [
      'Failed',
      { ...up, conditions: [on('Progressing', 'False', 'ProgressDeadlineExceeded')] },
      { replicas: 2 },
    ],
    ['InProgress', up, { replicas: 3 }],
    ['InProgress', { ...up, updatedReplicas: 1 }, { replicas: 2 }],
    ['InProgress', { ...up, replicas: 3 }, { replicas: 2 }],
    ['InProgress', { ...up, availableReplicas: 1 }, { replicas: 2 }],
    ['InProgress', { ...up, readyReplicas: 1 }, { replicas: 2 }],
    ['InProgress', { ...full, conditions: [on('Available')] }, { replicas: 2, progressDeadlineSeconds: 600 }],
    [
      'Current',
      { ...full, conditions: [on('Available')] },
      { replicas: 2, progressDeadlineSeconds: 2_147_483_647 },
    ],
    ['InProgress', full, { replicas: 2 }],
    ['InProgress', {}],
  ],
  'apps/v1 StatefulSet': [
    ['Current', set, { replicas: 2 }],
    ['Current', {}, { replicas: 2, updateStrategy: { type: 'OnDelete' } }],
    ['InProgress', set, { replicas: 3 }],
    ['InProgress', { ...set, readyReplicas: 1 }, { replicas: 2 }],
    ['InProgress', set, { replicas: 1 }],
    [
      'InProgress',
      { ...set, updatedReplicas: 0 },
      { replicas: 2, updateStrategy: { rollingUpdate: { partition: 1 } } },
    ],
    [
      'Current',
      { ...set, updatedReplicas: 1 },
      { replicas: 2, updateStrategy: { rollingUpdate: { partition: 1 } } },
    ],
    ['InProgress', { ...set, currentReplicas: 1 }, { replicas: 2 }],
    ['InProgress', { ...set, updateRevision: 'b' }, { replicas: 2 }],
  ],
  'apps/v1 DaemonSet': [
    ['Current', daemons, {}, generation],
    ['InProgress', daemons],
    ['InProgress', { ...daemons, desiredNumberScheduled: undefined }, {}, generation],
    ['InProgress', { ...daemons, currentNumberScheduled: 1 }, {}, generation],
    ['InProgress', { ...daemons, updatedNumberScheduled: 1 }, {}, generation],
    ['InProgress', { ...daemons, numberAvailable: 1 }, {}, generation],
    ['InProgress', { ...daemons, numberReady: 1 }, {}, generation],
  ],
  'apps/v1 ReplicaSet': [
    ['Current', { ...full, fullyLabeledReplicas: 2 }, { replicas: 2 }],
    ['InProgress', { ...full, fullyLabeledReplicas: 2, conditions: [on('ReplicaFailure')] }, { replicas: 2 }],
    ['InProgress', { ...full, fullyLabeledReplicas: 1 }, { replicas: 2 }],
    ['InProgress', { ...full, fullyLabeledReplicas: 2, replicas: 3 }, { replicas: 2 }],
  ],
  'v1 Pod': [
    ['Current', { phase: 'Succeeded' }],
    ['Current', { phase: 'Failed' }],
    ['Current', { phase: 'Running', conditions: [on('Ready')], containerStatuses: crash }],
    ['Failed', { phase: 'Running', containerStatuses: crash }],
    ['InProgress', { phase: 'Running' }],
    ['InProgress', unschedulable, {}, { creationTimestamp: ago(14) }],
    ['Failed', unschedulable, {}, { creationTimestamp: ago(16) }],
    ['InProgress', { phase: 'Pending' }],
    ['InProgress', {}],
  ],
  'batch/v1 Job': [
    ['Current', { conditions: [on('Complete')] }],
    ['Failed', { conditions: [on('Failed')] }],
    ['InProgress', {}],
    ['Current', { startTime: ago(1) }],
  ],
  'v1 PersistentVolumeClaim': [
    ['Current', { phase: 'Bound' }],
    ['InProgress', { phase: 'Pending' }],
    ['InProgress', {}],
  ],
  'v1 Service': [
    ['InProgress', {}, { type: 'LoadBalancer' }],
    ['Current', {}, { type: 'LoadBalancer', clusterIP: '10.0.0.1' }],
    ['Current', {}, { type: 'ClusterIP' }],
  ],
  'apiextensions.k8s.io/v1 CustomResourceDefinition': [
    ['Failed', { conditions: [on('NamesAccepted', 'False')] }],
    ['Failed', { conditions: [on('Established', 'False', 'Broken')] }],
    ['InProgress', { conditions: [on('Established', 'False', 'Installing')] }],
    ['Current', { conditions: [on('NamesAccepted'), on('Established')] }],
    ['InProgress', {}],
  ],
  'v1 ConfigMap': [['Current', {}]],
  'policy/v1 PodDisruptionBudget': [['Current', {}]],
  // Of another group: not the kind the rule is about.
  'example.com/v1 Deployment': [['Current', {}]],
};

describe.each(Object.entries(tables))('%s', (name, rows) => {
  const [apiVersion = '', kind = ''] = name.split(' ');
  test.each(rows.map((row) => ({ row, expected: row[0] })))('$expected: $row', ({ row, expected }) => {
    expect(statusOf(of(apiVersion, kind, row), now).status).toBe(expected);
  });
});

test('what does not exist is not found', () => {
  expect(statusOf(undefined, now).status).toBe('NotFound');
});
