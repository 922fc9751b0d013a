/** What a cluster has from its first moment, and the small life the demonstration starts with. */
import type { JsonObject } from './json.ts';
import { apiVersionOf, type KindRegistry } from './kinds.ts';
import type { KubeObject } from './objects.ts';
import { Refusal } from './refusal.ts';
import { kubeTime, type Resources } from './resources.ts';

export interface SeedDeps {
  readonly resources: Resources;
  readonly kinds: KindRegistry;
  readonly nowMs: () => number;
}

const rbacVersion = 'rbac.authorization.k8s.io/v1';
const all = ['*'];
const reading = ['get', 'list', 'watch'];
const writing = [...reading, 'create', 'update', 'patch', 'delete', 'deletecollection'];

const contents = [
  {
    apiGroups: [''],
    resources: ['pods', 'pods/log', 'pods/status', 'services', 'configmaps', 'serviceaccounts', 'events'],
  },
  { apiGroups: ['apps'], resources: ['*'] },
  { apiGroups: ['batch'], resources: ['*'] },
];
const execution = { apiGroups: [''], resources: ['pods/exec', 'pods/attach'], verbs: ['get', 'create'] };

const clusterRoles: Readonly<Record<string, readonly JsonObject[]>> = {
  'cluster-admin': [
    { apiGroups: all, resources: all, verbs: all },
    { nonResourceURLs: all, verbs: all },
  ],
  admin: [
    ...contents.map((rule) => ({ ...rule, verbs: writing })),
    execution,
    { apiGroups: [''], resources: ['secrets'], verbs: writing },
    { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: writing },
  ],
  edit: [
    ...contents.map((rule) => ({ ...rule, verbs: writing })),
    execution,
    { apiGroups: [''], resources: ['secrets'], verbs: writing },
  ],
  view: [
    ...contents.map((rule) => ({ ...rule, verbs: reading })),
    { apiGroups: [''], resources: ['namespaces'], verbs: reading },
  ],
  'system:discovery': [
    {
      nonResourceURLs: [
        '/',
        '/api',
        '/api/*',
        '/apis',
        '/apis/*',
        '/healthz',
        '/livez',
        '/openapi',
        '/openapi/*',
        '/readyz',
        '/version',
      ],
      verbs: ['get'],
    },
  ],
  'system:basic-user': [
    {
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
      verbs: ['create'],
    },
    { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
  ],
};
const bindings: Readonly<Record<string, string>> = {
  'cluster-admin': 'system:masters',
  'system:discovery': 'system:authenticated',
  'system:basic-user': 'system:authenticated',
};

class Seeder {
  private readonly deps: SeedDeps;
  constructor(deps: SeedDeps) {
    this.deps = deps;
  }

  add(apiVersion: string, plural: string, name: string, rest: JsonObject, namespace?: string): KubeObject {
    const kind = this.deps.kinds.builtin(apiVersion, plural);
    const { labels, ...body } = rest;
    const object = {
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: { name, ...(labels === undefined ? {} : { labels }) },
      ...body,
    } as unknown as KubeObject; // the server fills in what a new object's metadata lacks
    const options = { dryRun: false, fieldManager: 'kubeadm', subresource: '' };
    const created = this.deps.resources.create(kind, namespace, object, options);
    if (created instanceof Refusal) throw new Error(`seeding ${plural} ${name}: ${created.message}`);
    return created;
  }
}

/** Namespaces, the roles everybody relies on, and their bindings. */
export function seedCluster(deps: SeedDeps): void {
  const seeder = new Seeder(deps);
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
    seeder.add('v1', 'namespaces', name, {});
  }
  const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
  for (const [name, rules] of Object.entries(clusterRoles)) {
    seeder.add(rbacVersion, 'clusterroles', name, { labels, rules });
  }
  const apiGroup = 'rbac.authorization.k8s.io';
  for (const [role, group] of Object.entries(bindings)) {
    seeder.add(rbacVersion, 'clusterrolebindings', role, {
      labels,
      roleRef: { apiGroup, kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup, kind: 'Group', name: group }],
    });
  }
  const ports = [{ name: 'https', port: 443, targetPort: 6443 }];
  seeder.add('v1', 'services', 'kubernetes', { spec: { clusterIP: '10.96.0.1', ports } }, 'default');
}

function node(since: string): JsonObject {
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    message: 'kubelet is posting ready status',
  };
  const resources = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '100Gi' };
  return {
    labels: {
      'kubernetes.io/hostname': 'node-1',
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
      'node-role.kubernetes.io/control-plane': '',
    },
    spec: { podCIDR: '10.244.0.0/24' },
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [{ ...ready, lastHeartbeatTime: since, lastTransitionTime: since }],
      addresses: [
        { type: 'InternalIP', address: '10.0.0.1' },
        { type: 'Hostname', address: 'node-1' },
      ],
      nodeInfo: {
        kubeletVersion: 'v1.32.0',
        kubeProxyVersion: 'v1.32.0',
        osImage: 'Kastor simulation',
        kernelVersion: '6.1.0',
        containerRuntimeVersion: 'simulated://1.0',
        operatingSystem: 'linux',
        architecture: 'amd64',
        machineID: '',
        systemUUID: '',
        bootID: '',
      },
    },
  };
}

/** A node, so that pods have somewhere to be. */
export function seedNode(deps: SeedDeps): void {
  new Seeder(deps).add('v1', 'nodes', 'node-1', node(kubeTime(deps.nowMs())));
}

/** A namespace with a small web application. */
export function seedDemo(deps: SeedDeps): void {
  const seeder = new Seeder(deps);
  seeder.add('v1', 'namespaces', 'demo', {});
  const labels = { app: 'web' };
  const settings = { 'index.html': '<h1>Hello from Kastor</h1>\n', LOG_LEVEL: 'info' };
  seeder.add('v1', 'configmaps', 'web-settings', { labels, data: settings }, 'demo');
  seeder.add(
    'v1',
    'configmaps',
    'feature-flags',
    { data: { 'new-checkout': 'on', 'dark-mode': 'off' } },
    'demo',
  );
  seeder.add('v1', 'configmaps', 'cluster-info', { data: { name: 'kastor-demo' } }, 'kube-system');
  seeder.add(
    'v1',
    'services',
    'web',
    { labels, spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] } },
    'demo',
  );
  const container = { name: 'web', image: 'registry.example.com/web:1.0', ports: [{ containerPort: 8080 }] };
  const template = { metadata: { labels }, spec: { containers: [container] } };
  seeder.add(
    'apps/v1',
    'deployments',
    'web',
    { labels, spec: { replicas: 2, selector: { matchLabels: labels }, template } },
    'demo',
  );
}
