/** Discovery: which groups, versions and resources there are, in the plain and the aggregated form. */
import { apiVersionOf, verbsOf, type Kind, type KindRegistry } from './kinds.ts';
import type { JsonObject } from './json.ts';

/** The Kubernetes version this server behaves like. */
export const kubernetesVersion: JsonObject = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+kastor',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2024-12-11T00:00:00Z',
  goVersion: 'go1.23',
  compiler: 'gc',
  platform: 'linux/amd64',
};

/** Versions of a group, the most mature first: v2 before v1, v1 before v1beta1. */
function byMaturity(a: string, b: string): number {
  const rank = (version: string): readonly number[] => {
    const form = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (form === null) return [-1, 0, 0];
    const stage = form[2] === undefined ? 2 : form[2] === 'beta' ? 1 : 0;
    return [stage, Number(form[1]), Number(form[3] ?? 0)];
  };
  const [left, right] = [rank(a), rank(b)];
  for (const [index, value] of left.entries()) {
    if (value !== right[index]) return (right[index] ?? 0) - value;
  }
  return a < b ? -1 : 1;
}

function versionsOf(kinds: KindRegistry, group: string): readonly string[] {
  const versions = new Set(
    kinds
      .all()
      .filter((kind) => kind.group === group)
      .map((kind) => kind.version),
  );
  return [...versions].sort(byMaturity);
}

function groupNames(kinds: KindRegistry): readonly string[] {
  return [...new Set(kinds.all().map((kind) => kind.group))].filter((group) => group !== '');
}

function apiGroup(kinds: KindRegistry, name: string): JsonObject {
  const versions = versionsOf(kinds, name).map((version) => ({
    groupVersion: `${name}/${version}`,
    version,
  }));
  return { name, versions, preferredVersion: versions[0] };
}

const subresourceKinds: Readonly<
  Record<string, { readonly verbs: readonly string[]; readonly kind?: string }>
> = {
  status: { verbs: ['get', 'patch', 'update'] },
  finalize: { verbs: ['update'] },
  scale: { verbs: ['get', 'patch', 'update'], kind: 'Scale' },
  log: { verbs: ['get'] },
  exec: { verbs: ['create', 'get'], kind: 'PodExecOptions' },
  attach: { verbs: ['create', 'get'], kind: 'PodAttachOptions' },
  token: { verbs: ['create'], kind: 'TokenRequest' },
};
const subresourceGroups: Readonly<Record<string, readonly [string, string]>> = {
  scale: ['autoscaling', 'v1'],
  token: ['authentication.k8s.io', 'v1'],
};

function plainResources(kind: Kind): readonly JsonObject[] {
  const own = {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: verbsOf(kind),
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
  };
  const below = kind.subresources.map((name) => {
    const [group, version] = subresourceGroups[name] ?? [];
    return {
      name: `${kind.plural}/${name}`,
      singularName: '',
      namespaced: kind.namespaced,
      ...(group === undefined ? {} : { group, version }),
      kind: subresourceKinds[name]?.kind ?? kind.kind,
      verbs: subresourceKinds[name]?.verbs ?? [],
    };
  });
  return [own, ...below];
}

function aggregatedResource(kind: Kind): JsonObject {
  const { group, version } = kind;
  const below = kind.subresources.map((name) => {
    const [otherGroup = group, otherVersion = version] = subresourceGroups[name] ?? [];
    const responseKind = {
      group: otherGroup,
      version: otherVersion,
      kind: subresourceKinds[name]?.kind ?? kind.kind,
    };
    return { subresource: name, responseKind, verbs: subresourceKinds[name]?.verbs ?? [] };
  });
  return {
    resource: kind.plural,
    responseKind: { group, version, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    ...(below.length === 0 ? {} : { subresources: below }),
  };
}

function aggregated(kinds: KindRegistry, groups: readonly string[], version: string): JsonObject {
  const items = groups.map((group) => ({
    metadata: group === '' ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
    versions: versionsOf(kinds, group).map((one) => ({
      version: one,
      freshness: 'Current',
      resources: kinds
        .all()
        .filter((kind) => kind.group === group && kind.version === one)
        .map(aggregatedResource),
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
}

/** The version of aggregated discovery a client asks for, if it does. */
function aggregatedVersion(accept: string): string | undefined {
  const offer = accept.split(',').find((one) => one.includes('as=APIGroupDiscoveryList'));
  return offer === undefined ? undefined : (/v=(v2(?:beta1)?)\b/.exec(offer)?.[1] ?? undefined);
}

export interface DiscoveryAnswer {
  readonly body: JsonObject;
  readonly contentType: string;
}

/** Answers a discovery path, or undefined when the path is none. */
export function discovery(kinds: KindRegistry, path: string, accept: string): DiscoveryAnswer | undefined {
  const steps = path.split('/').filter((step) => step !== '');
  const [root, group, version, ...rest] = steps;
  if (rest.length > 0 || (root !== 'api' && root !== 'apis')) return undefined;
  const plain = (body: JsonObject): DiscoveryAnswer => ({ body, contentType: 'application/json' });
  if (group === undefined) {
    const groups = root === 'api' ? [''] : groupNames(kinds);
    const asked = aggregatedVersion(accept);
    if (asked !== undefined) {
      const contentType = `application/json;g=apidiscovery.k8s.io;v=${asked};as=APIGroupDiscoveryList`;
      return { body: aggregated(kinds, groups, asked), contentType };
    }
    if (root === 'api')
      return plain({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
    const listed = groups.map((name) => apiGroup(kinds, name));
    return plain({ kind: 'APIGroupList', apiVersion: 'v1', groups: listed });
  }
  if (root === 'apis' && version === undefined) {
    if (!groupNames(kinds).includes(group)) return undefined;
    return plain({ kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(kinds, group) });
  }
  const groupVersion = root === 'api' ? group : `${group}/${version ?? ''}`;
  const found = kinds.all().filter((kind) => apiVersionOf(kind) === groupVersion);
  if (found.length === 0 || (root === 'api' && version !== undefined)) return undefined;
  const resources = found.flatMap(plainResources);
  return plain({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources });
}
