/**
 * What the server does to objects of one kind beyond storing them: defaults, checks, and what may not change.
 * Fields the built-in schemas do not know are kept: there are no schemas here.
 */
import {
  at,
  equal,
  isObject,
  listAt,
  numberAt,
  objectAt,
  stringListAt,
  textAt,
  type JsonObject,
} from './json.ts';
import type { Kind } from './kinds.ts';
import { limits } from './limits.ts';
import type { KubeObject } from './objects.ts';
import {
  defaultedPod,
  defaultedPodSpec,
  podSpecCauses,
  templateCauses,
  withoutMutableParts,
} from './pod-rules.ts';
import { badRequest, invalidValue, type Refusal, required, type Cause } from './refusal.ts';

export interface RuleContext {
  /** The object as it was; undefined when it is being created. */
  readonly before: KubeObject | undefined;
  /** The next free cluster IP. */
  readonly clusterIp: () => string;
}

interface KindRule {
  /** Fills in defaults. The answer is a new object. */
  readonly complete?: (object: KubeObject, context: RuleContext) => KubeObject | Refusal;
  readonly check?: (object: KubeObject, before: KubeObject | undefined) => readonly Cause[];
  /** Paths that may not change once set. */
  readonly immutable?: readonly (readonly string[])[];
}

const withSpec = (object: KubeObject, spec: JsonObject): KubeObject => ({ ...object, spec });

function withTemplate(spec: JsonObject, restartPolicy?: string): JsonObject {
  const template = objectAt(spec, 'template');
  const podSpec = objectAt(template, 'spec');
  const policy = restartPolicy === undefined ? {} : { restartPolicy };
  return {
    ...spec,
    template: {
      ...template,
      metadata: { creationTimestamp: null, ...objectAt(template, 'metadata') },
      spec: defaultedPodSpec({ ...policy, ...podSpec }),
    },
  };
}

function completeNamespace(object: KubeObject, { before }: RuleContext): KubeObject {
  const { name, labels } = object.metadata;
  return {
    ...object,
    metadata: { ...object.metadata, labels: { ...labels, 'kubernetes.io/metadata.name': name } },
    ...(before === undefined ? { spec: { finalizers: ['kubernetes'] } } : {}),
    status: object['status'] ?? { phase: 'Active' },
  };
}

function completePod(object: KubeObject, { before }: RuleContext): KubeObject {
  const spec = defaultedPod(objectAt(object, 'spec'));
  const status = before === undefined ? { phase: 'Pending', qosClass: 'BestEffort' } : object['status'];
  return { ...object, spec, ...(status === undefined ? {} : { status }) };
}

function completeService(object: KubeObject, { before, clusterIp }: RuleContext): KubeObject {
  const told = objectAt(object, 'spec');
  const ports = listAt(told, 'ports').map((port) =>
    isObject(port) ? { protocol: 'TCP', targetPort: port['port'], ...port } : port,
  );
  const type = textAt(told, 'type') || 'ClusterIP';
  const address = textAt(told, 'clusterIP') || textAt(before, 'spec', 'clusterIP');
  const external = type === 'ExternalName';
  const given = external ? '' : address || clusterIp();
  const addresses = external ? {} : { clusterIP: given, clusterIPs: [given] };
  const spec = { sessionAffinity: 'None', internalTrafficPolicy: 'Cluster', ...told, ...addresses, type };
  return {
    ...object,
    spec: ports.length === 0 ? spec : { ...spec, ports },
    status: object['status'] ?? { loadBalancer: {} },
  };
}

/** `stringData` becomes base64 `data`, and is not kept. */
function completeSecret(object: KubeObject): KubeObject | Refusal {
  const { stringData, ...rest } = object;
  const plain = Object.entries(objectAt(stringData));
  if (plain.some(([, value]) => typeof value !== 'string'))
    return badRequest('stringData values are strings');
  const encoded = plain.map(
    ([name, value]) => [name, Buffer.from(String(value)).toString('base64')] as const,
  );
  const data = { ...objectAt(rest, 'data'), ...Object.fromEntries(encoded) };
  return {
    ...rest,
    ...(Object.keys(data).length === 0 ? {} : { data }),
    type: textAt(rest, 'type') || 'Opaque',
  };
}

function completeConfigMap(object: KubeObject): KubeObject | Refusal {
  const bad = Object.entries(objectAt(object, 'data')).find(([, value]) => typeof value !== 'string');
  return bad === undefined
    ? object
    : badRequest(`ConfigMap in version "v1" cannot be handled: data.${bad[0]} is not a string`);
}

const workloadDefaults: Readonly<Record<string, JsonObject>> = {
  Deployment: {
    replicas: 1,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  },
  ReplicaSet: { replicas: 1 },
  StatefulSet: {
    replicas: 1,
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    revisionHistoryLimit: 10,
  },
  DaemonSet: {
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    revisionHistoryLimit: 10,
  },
};

function completeWorkload(object: KubeObject): KubeObject {
  const spec = { ...workloadDefaults[object.kind], ...objectAt(object, 'spec') };
  return { ...withSpec(object, withTemplate(spec)), status: object['status'] ?? {} };
}

function completeJob(object: KubeObject, { before }: RuleContext): KubeObject {
  const told = objectAt(object, 'spec');
  const labels = { 'controller-uid': object.metadata.uid, 'job-name': object.metadata.name };
  const template = objectAt(told, 'template');
  const metadata = objectAt(template, 'metadata');
  const labelled =
    before === undefined
      ? { ...template, metadata: { ...metadata, labels: { ...objectAt(metadata, 'labels'), ...labels } } }
      : template;
  const spec = {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    selector: { matchLabels: { 'controller-uid': object.metadata.uid } },
    ...told,
    template: labelled,
  };
  return { ...withSpec(object, withTemplate(spec, 'Never')), status: object['status'] ?? {} };
}

function checkWorkload(object: KubeObject): readonly Cause[] {
  const replicas = numberAt(object, 'spec', 'replicas') ?? 0;
  const bounded = Number.isInteger(replicas) && replicas >= 0 && replicas <= limits.replicasMax;
  const causes = templateCauses(object['spec']);
  const message = `must be between 0 and ${limits.replicasMax}`;
  return bounded ? causes : [invalidValue('spec.replicas', replicas, message), ...causes];
}

function checkPod(object: KubeObject, before: KubeObject | undefined): readonly Cause[] {
  const causes = podSpecCauses(object['spec'], 'spec');
  if (
    before === undefined ||
    equal(withoutMutableParts(before['spec']), withoutMutableParts(object['spec']))
  ) {
    return causes;
  }
  const message = 'Forbidden: a pod may only change its images, tolerations and deadlines';
  return [...causes, { field: 'spec', reason: 'FieldValueForbidden', message }];
}

function checkConfigMap(object: KubeObject, before: KubeObject | undefined): readonly Cause[] {
  if (before?.['immutable'] !== true) return [];
  const same = equal(before['data'], object['data']) && equal(before['binaryData'], object['binaryData']);
  if (same && object['immutable'] === true) return [];
  const message = 'Forbidden: field is immutable when `immutable` is set';
  return [{ field: 'data', reason: 'FieldValueForbidden', message }];
}

function checkDefinition(object: KubeObject): readonly Cause[] {
  const spec = object['spec'];
  const causes: Cause[] = [];
  for (const path of [['group'], ['names', 'plural'], ['names', 'kind'], ['scope']]) {
    if (textAt(spec, ...path) === '') causes.push(required(`spec.${path.join('.')}`));
  }
  const wanted = `${textAt(spec, 'names', 'plural')}.${textAt(spec, 'group')}`;
  if (causes.length === 0 && object.metadata.name !== wanted) {
    causes.push(
      invalidValue('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'),
    );
  }
  if (!listAt(spec, 'versions').some((version) => at(version, 'storage') === true)) {
    causes.push(invalidValue('spec.versions', [], 'must have exactly one version marked as storage version'));
  }
  return causes;
}

function completeDefinition(object: KubeObject, { before }: RuleContext): KubeObject {
  const spec = objectAt(object, 'spec');
  const names = objectAt(spec, 'names');
  const kind = textAt(names, 'kind');
  const full = { singular: kind.toLowerCase(), listKind: `${kind}List`, ...names };
  const stored = listAt(spec, 'versions')
    .filter((version) => at(version, 'storage') === true)
    .map((version) => textAt(version, 'name'));
  const since = { lastTransitionTime: object.metadata.creationTimestamp };
  const status = before?.['status'] ?? {
    conditions: [
      {
        type: 'NamesAccepted',
        status: 'True',
        reason: 'NoConflicts',
        message: 'no conflicts found',
        ...since,
      },
      { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'served', ...since },
    ],
    acceptedNames: full,
    storedVersions: stored,
  };
  return { ...object, spec: { conversion: { strategy: 'None' }, ...spec, names: full }, status };
}

function completeBinding(object: KubeObject): KubeObject {
  const subjects = listAt(object, 'subjects').map((subject) => {
    const group =
      textAt(subject, 'kind') === 'ServiceAccount' ? {} : { apiGroup: 'rbac.authorization.k8s.io' };
    return isObject(subject) ? { ...group, ...subject } : subject;
  });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', ...objectAt(object, 'roleRef') };
  return { ...object, roleRef, ...(subjects.length === 0 ? {} : { subjects }) };
}

function checkBinding(object: KubeObject): readonly Cause[] {
  return textAt(object, 'roleRef', 'name') === '' ? [required('roleRef.name')] : [];
}

const selector = ['spec', 'selector'] as const;
const workload: KindRule = { complete: completeWorkload, check: checkWorkload, immutable: [selector] };
const binding: KindRule = { complete: completeBinding, check: checkBinding, immutable: [['roleRef']] };

const rules: Readonly<Record<string, KindRule>> = {
  '/namespaces': { complete: completeNamespace },
  '/pods': { complete: completePod, check: checkPod },
  '/services': { complete: completeService },
  '/secrets': { complete: completeSecret, check: checkConfigMap, immutable: [['type']] },
  '/configmaps': { complete: completeConfigMap, check: checkConfigMap },
  'apps/deployments': workload,
  'apps/replicasets': workload,
  'apps/statefulsets': workload,
  'apps/daemonsets': workload,
  'batch/jobs': {
    complete: completeJob,
    check: (object) => podSpecCauses(at(object, 'spec', 'template', 'spec'), 'spec.template.spec'),
    immutable: [selector, ['spec', 'template'], ['spec', 'completions']],
  },
  'apiextensions.k8s.io/customresourcedefinitions': { complete: completeDefinition, check: checkDefinition },
  'rbac.authorization.k8s.io/rolebindings': binding,
  'rbac.authorization.k8s.io/clusterrolebindings': binding,
};

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

function nameCause(kind: Kind, name: string): Cause | undefined {
  if (kind.group === 'rbac.authorization.k8s.io') {
    return /[/%]/.test(name) || name === '.' || name === '..'
      ? invalidValue('metadata.name', name, 'must be usable as one step of a path')
      : undefined;
  }
  const short = kind.id === '/namespaces' || kind.id === '/services';
  if ((short ? label : subdomain).test(name) && name.length <= (short ? 63 : 253)) return undefined;
  const form = short ? 'a lowercase RFC 1123 label' : 'a lowercase RFC 1123 subdomain';
  return invalidValue('metadata.name', name, `${form} is required`);
}

/** Fills in a kind's defaults. */
export function completed(kind: Kind, object: KubeObject, context: RuleContext): KubeObject | Refusal {
  return rules[kind.id]?.complete?.(object, context) ?? object;
}

/** Everything wrong with an object about to be stored. */
export function causesAgainst(
  kind: Kind,
  object: KubeObject,
  before: KubeObject | undefined,
): readonly Cause[] {
  const rule = rules[kind.id];
  const causes: Cause[] = [];
  const name = before === undefined ? nameCause(kind, object.metadata.name) : undefined;
  if (name !== undefined) causes.push(name);
  for (const finalizer of stringListAt(object, 'metadata', 'finalizers')) {
    if (finalizer === '')
      causes.push(invalidValue('metadata.finalizers', finalizer, 'name part must be non-empty'));
  }
  causes.push(...(rule?.check?.(object, before) ?? []));
  for (const path of before === undefined ? [] : (rule?.immutable ?? [])) {
    if (!equal(at(before, ...path), at(object, ...path))) {
      causes.push(invalidValue(path.join('.'), at(object, ...path), 'field is immutable'));
    }
  }
  return causes;
}
