/**
 * The registry of kinds: what the server serves, the built-in kinds and those that custom resource definitions add.
 *
 * K1. All versions of one custom resource share one collection (`id`); an object is shown in the version asked for.
 */
import { at, listAt, stringListAt, textAt, type JsonObject } from './json.ts';
import type { KubeObject } from './objects.ts';
import { limits } from './limits.ts';

export interface Kind {
  /** The collection's key: group and plural, without version (K1). */
  readonly id: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly string[];
  /** Only `create`, and nothing is stored: the access and identity reviews. */
  readonly review: boolean;
  /** PUT of an object that does not exist creates it. */
  readonly createOnUpdate: boolean;
  /** PUT without a resourceVersion is accepted. */
  readonly unconditionalUpdate: boolean;
  /** `metadata.generation` counts the changes of the desired state. */
  readonly generations: boolean;
  readonly custom:
    | { readonly schema: JsonObject; readonly columns: readonly unknown[]; readonly definition: string }
    | undefined;
}

type Builtin = Partial<Omit<Kind, 'id' | 'custom'>> & Pick<Kind, 'plural' | 'kind'>;

const workload = { categories: ['all'], subresources: ['status', 'scale'], generations: true };
const clusterWide = { namespaced: false };

const builtins: Readonly<Record<string, readonly Builtin[]>> = {
  '/v1': [
    {
      plural: 'namespaces',
      kind: 'Namespace',
      shortNames: ['ns'],
      subresources: ['status', 'finalize'],
      ...clusterWide,
    },
    { plural: 'nodes', kind: 'Node', shortNames: ['no'], subresources: ['status'], ...clusterWide },
    {
      plural: 'pods',
      kind: 'Pod',
      shortNames: ['po'],
      categories: ['all'],
      subresources: ['status', 'log', 'exec', 'attach'],
    },
    {
      plural: 'services',
      kind: 'Service',
      shortNames: ['svc'],
      categories: ['all'],
      subresources: ['status'],
      createOnUpdate: true,
    },
    { plural: 'configmaps', kind: 'ConfigMap', shortNames: ['cm'] },
    { plural: 'secrets', kind: 'Secret' },
    { plural: 'serviceaccounts', kind: 'ServiceAccount', shortNames: ['sa'], subresources: ['token'] },
    { plural: 'events', kind: 'Event', shortNames: ['ev'], createOnUpdate: true },
  ],
  'apps/v1': [
    { plural: 'deployments', kind: 'Deployment', shortNames: ['deploy'], ...workload },
    { plural: 'replicasets', kind: 'ReplicaSet', shortNames: ['rs'], ...workload },
    { plural: 'statefulsets', kind: 'StatefulSet', shortNames: ['sts'], ...workload },
    { plural: 'daemonsets', kind: 'DaemonSet', shortNames: ['ds'], ...workload, subresources: ['status'] },
  ],
  'batch/v1': [{ plural: 'jobs', kind: 'Job', ...workload, subresources: ['status'] }],
  'rbac.authorization.k8s.io/v1': [
    { plural: 'roles', kind: 'Role', createOnUpdate: true },
    { plural: 'rolebindings', kind: 'RoleBinding', createOnUpdate: true },
    { plural: 'clusterroles', kind: 'ClusterRole', createOnUpdate: true, ...clusterWide },
    { plural: 'clusterrolebindings', kind: 'ClusterRoleBinding', createOnUpdate: true, ...clusterWide },
  ],
  'coordination.k8s.io/v1': [
    { plural: 'leases', kind: 'Lease', createOnUpdate: true, unconditionalUpdate: false },
  ],
  'apiextensions.k8s.io/v1': [
    {
      plural: 'customresourcedefinitions',
      kind: 'CustomResourceDefinition',
      shortNames: ['crd', 'crds'],
      categories: ['api-extensions'],
      subresources: ['status'],
      generations: true,
      unconditionalUpdate: false,
      ...clusterWide,
    },
  ],
  'authentication.k8s.io/v1': [
    { plural: 'selfsubjectreviews', kind: 'SelfSubjectReview', review: true, ...clusterWide },
    { plural: 'tokenreviews', kind: 'TokenReview', review: true, ...clusterWide },
  ],
  'authorization.k8s.io/v1': [
    { plural: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview', review: true, ...clusterWide },
    { plural: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview', review: true, ...clusterWide },
    { plural: 'subjectaccessreviews', kind: 'SubjectAccessReview', review: true, ...clusterWide },
  ],
};

function builtinKind(groupVersion: string, told: Builtin): Kind {
  const [group = '', version = ''] = groupVersion.split('/');
  return {
    id: `${group}/${told.plural}`,
    group,
    version,
    singular: told.kind.toLowerCase(),
    namespaced: true,
    shortNames: [],
    categories: [],
    subresources: [],
    review: false,
    createOnUpdate: false,
    unconditionalUpdate: true,
    generations: false,
    ...told,
    custom: undefined,
  };
}

export function apiVersionOf(kind: Pick<Kind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

/** The verbs discovery shows for a kind. */
export function verbsOf(kind: Kind): readonly string[] {
  if (kind.review) return ['create'];
  return ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
}

/** The kinds a definition asks for, one per served version. */
function kindsOf(definition: KubeObject): readonly Kind[] {
  const spec = definition['spec'];
  const group = textAt(spec, 'group');
  const plural = textAt(spec, 'names', 'plural');
  const kind = textAt(spec, 'names', 'kind');
  return listAt(spec, 'versions')
    .filter((version) => at(version, 'served') === true)
    .map((version) => ({
      id: `${group}/${plural}`,
      group,
      version: textAt(version, 'name'),
      plural,
      singular: textAt(spec, 'names', 'singular') || kind.toLowerCase(),
      kind,
      namespaced: textAt(spec, 'scope') === 'Namespaced',
      shortNames: stringListAt(spec, 'names', 'shortNames'),
      categories: stringListAt(spec, 'names', 'categories'),
      subresources: ['status', 'scale'].filter((name) => at(version, 'subresources', name) !== undefined),
      review: false,
      createOnUpdate: false,
      unconditionalUpdate: false,
      generations: true,
      custom: {
        schema: (at(version, 'schema', 'openAPIV3Schema') ?? {}) as JsonObject,
        columns: listAt(version, 'additionalPrinterColumns'),
        definition: definition.metadata.name,
      },
    }));
}

export class KindRegistry {
  private readonly byPath = new Map<string, Kind>();
  private readonly definitions = new Map<string, readonly Kind[]>();

  constructor() {
    for (const [groupVersion, kinds] of Object.entries(builtins)) {
      for (const told of kinds) this.add(builtinKind(groupVersion, told));
    }
  }

  private add(kind: Kind): void {
    this.byPath.set(`${apiVersionOf(kind)}/${kind.plural}`, kind);
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    return this.byPath.get(`${group === '' ? version : `${group}/${version}`}/${plural}`);
  }

  /** A kind the server itself works with; absence would be a bug of ours. */
  builtin(apiVersion: string, plural: string): Kind {
    const kind = this.byPath.get(`${apiVersion}/${plural}`);
    if (kind === undefined) throw new Error(`no built-in kind ${apiVersion} ${plural}`);
    return kind;
  }

  findByKind(apiVersion: string, kindName: string): Kind | undefined {
    for (const kind of this.byPath.values()) {
      if (kind.kind === kindName && apiVersionOf(kind) === apiVersion) return kind;
    }
    return undefined;
  }

  all(): readonly Kind[] {
    return [...this.byPath.values()];
  }

  /** Serves what a definition asks for; built-in kinds cannot be taken over. */
  define(definition: KubeObject): void {
    this.undefine(definition.metadata.name);
    const kinds = kindsOf(definition);
    this.definitions.set(definition.metadata.name, kinds);
    for (const kind of kinds) {
      if (!this.byPath.has(`${apiVersionOf(kind)}/${kind.plural}`)) this.add(kind);
    }
  }

  get full(): boolean {
    return this.definitions.size >= limits.customKindsMax;
  }

  undefine(name: string): void {
    for (const kind of this.definitions.get(name) ?? []) {
      const path = `${apiVersionOf(kind)}/${kind.plural}`;
      if (this.byPath.get(path) === kind) this.byPath.delete(path);
    }
    this.definitions.delete(name);
  }
}
