/** The columns `kubectl get` shows, by collection. */
import { at, listAt, numberAt, objectAt, stringsAt, textAt } from './json.ts';
import type { Kind } from './kinds.ts';
import type { KubeObject } from './objects.ts';

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  /** Columns above 0 appear with `-o wide` only. */
  readonly priority: number;
  readonly cell: (object: KubeObject, nowMs: number) => unknown;
}

/** A span of time as kubectl writes it: two units when small, one when large. */
export function shownDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const two = (a: number, first: string, b: number, second: string) =>
    b === 0 ? `${a}${first}` : `${a}${first}${b}${second}`;
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (days < 8) return two(days, 'd', hours % 24, 'h');
  return days < 730 ? `${days}d` : two(Math.floor(days / 365), 'y', days % 365, 'd');
}

export function ageOf(time: string, nowMs: number): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? '<unknown>' : shownDuration(nowMs - ms);
}

type Cell = Column['cell'];
const column = (name: string, cell: Cell, priority = 0, type: Column['type'] = 'string'): Column => ({
  name,
  type,
  priority,
  cell,
});
const number = (name: string, cell: Cell): Column => column(name, cell, 0, 'integer');

const nameColumn: Column = { ...column('Name', (object) => object.metadata.name), format: 'name' };
const age = column('Age', (object, nowMs) => ageOf(object.metadata.creationTimestamp, nowMs));

const shownOr = (value: string): string => (value === '' ? '<none>' : value);
const field =
  (...path: readonly string[]): Cell =>
  (object) =>
    shownOr(textAt(object, ...path));
const count =
  (...path: readonly string[]): Cell =>
  (object) =>
    numberAt(object, ...path) ?? 0;
const size =
  (name: string): Cell =>
  (object) =>
    Object.keys(objectAt(object, name)).length;
const ratio =
  (have: readonly string[], want: readonly string[]): Cell =>
  (object) =>
    `${numberAt(object, ...have) ?? 0}/${numberAt(object, ...want) ?? 0}`;

const containersOf = (object: unknown) => listAt(object, 'spec', 'template', 'spec', 'containers');
const templateColumns = [
  column(
    'Containers',
    (object) =>
      containersOf(object)
        .map((one) => textAt(one, 'name'))
        .join(','),
    1,
  ),
  column(
    'Images',
    (object) =>
      containersOf(object)
        .map((one) => textAt(one, 'image'))
        .join(','),
    1,
  ),
  column('Selector', (object) => shownSelector(stringsAt(object, 'spec', 'selector', 'matchLabels')), 1),
];

function shownSelector(labels: Readonly<Record<string, string>>): string {
  return shownOr(
    Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
  );
}

function podStatus(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  for (const status of listAt(pod, 'status', 'containerStatuses')) {
    const reason =
      textAt(status, 'state', 'waiting', 'reason') || textAt(status, 'state', 'terminated', 'reason');
    if (reason !== '') return reason;
  }
  return textAt(pod, 'status', 'reason') || textAt(pod, 'status', 'phase');
}

function podReady(pod: KubeObject): string {
  const ready = listAt(pod, 'status', 'containerStatuses').filter((status) => at(status, 'ready') === true);
  return `${ready.length}/${listAt(pod, 'spec', 'containers').length}`;
}

function podRestarts(pod: KubeObject): string {
  const counts = listAt(pod, 'status', 'containerStatuses').map(
    (status) => numberAt(status, 'restartCount') ?? 0,
  );
  return String(counts.reduce((sum, one) => sum + one, 0));
}

function servicePorts(service: KubeObject): string {
  const ports = listAt(service, 'spec', 'ports').map((port) => {
    const node = numberAt(port, 'nodePort');
    return `${numberAt(port, 'port') ?? ''}${node === undefined ? '' : `:${node}`}/${textAt(port, 'protocol')}`;
  });
  return shownOr(ports.join(','));
}

function nodeStatus(node: KubeObject): string {
  const ready = listAt(node, 'status', 'conditions').find((one) => textAt(one, 'type') === 'Ready');
  const status = textAt(ready, 'status') === 'True' ? 'Ready' : ready === undefined ? 'Unknown' : 'NotReady';
  return at(node, 'spec', 'unschedulable') === true ? `${status},SchedulingDisabled` : status;
}

function nodeRoles(node: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(node.metadata.labels ?? {}).filter((name) => name.startsWith(prefix));
  return shownOr(roles.map((name) => name.slice(prefix.length)).join(','));
}

const nodeAddress =
  (type: string): Cell =>
  (node) =>
    textAt(
      listAt(node, 'status', 'addresses').find((one) => textAt(one, 'type') === type),
      'address',
    ) || '<none>';

const role = column(
  'Role',
  (object) => `${textAt(object, 'roleRef', 'kind')}/${textAt(object, 'roleRef', 'name')}`,
);
const createdAt = column('Created At', (object) => object.metadata.creationTimestamp);

const byCollection: Readonly<Record<string, readonly Column[]>> = {
  '/namespaces': [nameColumn, column('Status', field('status', 'phase')), age],
  '/nodes': [
    nameColumn,
    column('Status', nodeStatus),
    column('Roles', nodeRoles),
    age,
    column('Version', field('status', 'nodeInfo', 'kubeletVersion')),
    column('Internal-IP', nodeAddress('InternalIP'), 1),
    column('External-IP', nodeAddress('ExternalIP'), 1),
    column('OS-Image', field('status', 'nodeInfo', 'osImage'), 1),
    column('Kernel-Version', field('status', 'nodeInfo', 'kernelVersion'), 1),
    column('Container-Runtime', field('status', 'nodeInfo', 'containerRuntimeVersion'), 1),
  ],
  '/pods': [
    nameColumn,
    column('Ready', podReady),
    column('Status', podStatus),
    column('Restarts', podRestarts),
    age,
    column('IP', field('status', 'podIP'), 1),
    column('Node', field('spec', 'nodeName'), 1),
    column('Nominated Node', field('status', 'nominatedNodeName'), 1),
    column('Readiness Gates', () => '<none>', 1),
  ],
  '/services': [
    nameColumn,
    column('Type', field('spec', 'type')),
    column('Cluster-IP', field('spec', 'clusterIP')),
    column('External-IP', field('spec', 'externalName')),
    column('Port(s)', servicePorts),
    age,
    column('Selector', (service) => shownSelector(stringsAt(service, 'spec', 'selector')), 1),
  ],
  '/configmaps': [nameColumn, column('Data', size('data')), age],
  '/secrets': [nameColumn, column('Type', field('type')), number('Data', size('data')), age],
  '/serviceaccounts': [nameColumn, number('Secrets', (one) => listAt(one, 'secrets').length), age],
  '/events': [
    column('Last Seen', (event, nowMs) =>
      ageOf(textAt(event, 'lastTimestamp') || textAt(event, 'eventTime'), nowMs),
    ),
    column('Type', field('type')),
    column('Reason', field('reason')),
    column('Object', (event) => {
      const kind = textAt(event, 'involvedObject', 'kind').toLowerCase();
      return `${kind}/${textAt(event, 'involvedObject', 'name')}`;
    }),
    column('Message', (event) => textAt(event, 'message').trim()),
    { ...column('Name', (event) => event.metadata.name, 1), format: 'name' },
  ],
  'apps/deployments': [
    nameColumn,
    column('Ready', ratio(['status', 'readyReplicas'], ['spec', 'replicas'])),
    number('Up-to-date', count('status', 'updatedReplicas')),
    number('Available', count('status', 'availableReplicas')),
    age,
    ...templateColumns,
  ],
  'apps/replicasets': [
    nameColumn,
    number('Desired', count('spec', 'replicas')),
    number('Current', count('status', 'replicas')),
    number('Ready', count('status', 'readyReplicas')),
    age,
    ...templateColumns,
  ],
  'apps/statefulsets': [
    nameColumn,
    column('Ready', ratio(['status', 'readyReplicas'], ['spec', 'replicas'])),
    age,
    ...templateColumns.slice(0, 2),
  ],
  'apps/daemonsets': [
    nameColumn,
    number('Desired', count('status', 'desiredNumberScheduled')),
    number('Current', count('status', 'currentNumberScheduled')),
    number('Ready', count('status', 'numberReady')),
    number('Up-to-date', count('status', 'updatedNumberScheduled')),
    number('Available', count('status', 'numberAvailable')),
    column('Node Selector', () => '<none>'),
    age,
    ...templateColumns,
  ],
  'batch/jobs': [
    nameColumn,
    column('Status', (job) => textAt(listAt(job, 'status', 'conditions')[0], 'type') || 'Running'),
    column('Completions', ratio(['status', 'succeeded'], ['spec', 'completions'])),
    column('Duration', (job, nowMs) => {
      const done = textAt(job, 'status', 'completionTime');
      return ageOf(textAt(job, 'status', 'startTime'), done === '' ? nowMs : Date.parse(done));
    }),
    age,
    ...templateColumns,
  ],
  'rbac.authorization.k8s.io/roles': [nameColumn, createdAt],
  'rbac.authorization.k8s.io/clusterroles': [nameColumn, createdAt],
  'rbac.authorization.k8s.io/rolebindings': [nameColumn, role, age],
  'rbac.authorization.k8s.io/clusterrolebindings': [nameColumn, role, age],
  'coordination.k8s.io/leases': [nameColumn, column('Holder', field('spec', 'holderIdentity')), age],
  'apiextensions.k8s.io/customresourcedefinitions': [nameColumn, createdAt],
};

/** Follows the JSON paths custom columns use: `.a.b`, `.a[0]`, `.a[?(@.type=="Ready")].status`. */
function jsonPath(object: unknown, path: string): unknown {
  let here: unknown = object;
  for (const form of path.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\[\?\(@\.(\w+)\s*==\s*["']([^"']*)["']\)\]/g)) {
    const [, name, index, key, wanted] = form;
    if (name !== undefined) here = at(here, name);
    else if (index !== undefined) here = at(here, Number(index));
    else here = listAt(here).find((item) => textAt(item, key ?? '') === wanted);
  }
  return here;
}

function customColumns(told: readonly unknown[]): readonly Column[] {
  return told.map((entry) => {
    const type = textAt(entry, 'type') as Column['type'];
    const path = textAt(entry, 'jsonPath');
    const cell: Cell = (object, nowMs) => {
      const value = jsonPath(object, path);
      if (type === 'date') return typeof value === 'string' ? ageOf(value, nowMs) : null;
      return value === undefined ? null : typeof value === 'object' ? JSON.stringify(value) : value;
    };
    const priority = numberAt(entry, 'priority') ?? 0;
    return column(textAt(entry, 'name'), cell, priority, type === 'date' ? 'date' : type);
  });
}

export function columnsOf(kind: Kind): readonly Column[] {
  if (kind.custom !== undefined && kind.custom.columns.length > 0) {
    return [nameColumn, ...customColumns(kind.custom.columns)];
  }
  return byCollection[kind.id] ?? [nameColumn, age];
}
