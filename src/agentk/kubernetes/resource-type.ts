/** A kind of objects as the API server serves it, and the paths it is served at. */
export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const leaseType: ResourceType = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
export const eventType: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};
export const secretType: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
};
export const definitionType: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** `group/version`, or `v1` for the core group: the `apiVersion` of its objects. */
export function apiVersionOf({ group, version }: Pick<ResourceType, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/**
 * Where the objects are: `/apis/apps/v1/namespaces/a/deployments`; all namespaces when none is named. Undefined when a
 * name would be another path.
 */
export function collectionPath(type: ResourceType, namespace = ''): string | undefined {
  const root = type.group === '' ? ['api'] : ['apis', type.group];
  const within = type.namespaced && namespace !== '' ? ['namespaces', namespace] : [];
  return path([...root, type.version, ...within, type.plural]);
}

/** Where one object is, or one of its subresources; undefined when a name would be another path. */
export function objectPath(
  type: ResourceType,
  { namespace, name, subresource }: { namespace?: string | undefined; name: string; subresource?: string },
): string | undefined {
  const collection = collectionPath(type, namespace);
  const own = path(subresource === undefined ? [name] : [name, subresource]);
  return collection === undefined || own === undefined ? undefined : collection + own;
}

/** Names come from repositories and clusters: none may be empty or climb. */
function path(segments: readonly string[]): string | undefined {
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return undefined;
  return segments.map((segment) => `/${encodeURIComponent(segment).replaceAll('%3A', ':')}`).join('');
}
