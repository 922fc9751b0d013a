/**
 * The objects agentk makes for a Git repository of Flux, as the original makes them (`spec/agentk.md §6.1`): names, owners and
 * annotations are a contract with what is in clusters already.
 */
import { textAt, type KubeObject, type OwnerReference, type ResourceType } from '../kubernetes/index.ts';
import { fluxLimits } from './limits.ts';

export const gitRepositoryType: ResourceType = {
  group: 'source.toolkit.fluxcd.io',
  version: 'v1',
  plural: 'gitrepositories',
  kind: 'GitRepository',
  namespaced: true,
};
export const receiverType: ResourceType = {
  group: 'notification.toolkit.fluxcd.io',
  version: 'v1',
  plural: 'receivers',
  kind: 'Receiver',
  namespaced: true,
};

const agentIdAnnotation = 'agent.gitlab.com/id';
const projectAnnotation = 'agent.gitlab.com/project';

export interface FluxObjects {
  readonly secret: KubeObject;
  readonly receiver: KubeObject;
  /** What an older agentk called the Secret. */
  readonly legacySecretName: string;
}

/** What there should be for a repository that is this project. */
export function fluxObjects(repository: KubeObject, project: string, agentId: bigint): FluxObjects {
  const { name, namespace = '', uid = '' } = repository.metadata;
  const owner: OwnerReference = {
    apiVersion: repository.apiVersion,
    kind: repository.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
  const annotations = { 'app.kubernetes.io/managed-by': 'gitlab', [agentIdAnnotation]: String(agentId) };
  const secretName = shortened(`gitlab-receiver-${name}`, fluxLimits.secretNameMax);
  return {
    secret: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secretName, namespace, annotations, ownerReferences: [owner] },
      data: { token: '' },
    },
    receiver: {
      apiVersion: `${receiverType.group}/${receiverType.version}`,
      kind: receiverType.kind,
      metadata: {
        name: shortened(`gitlab-${name}`, fluxLimits.receiverNameMax),
        namespace,
        annotations: { ...annotations, [projectAnnotation]: project },
        ownerReferences: [owner],
      },
      spec: {
        type: 'generic',
        interval: '5m0s',
        resources: [{ kind: repository.kind, name, namespace }],
        secretRef: { name: secretName },
      },
    },
    legacySecretName: `gitlab-${name}`,
  };
}

/** The project a Receiver stands for; empty when it is none of ours. */
export function projectOf(receiver: KubeObject): string {
  return textAt(receiver, 'metadata', 'annotations', projectAnnotation);
}

export function isMadeBy(object: KubeObject, agentId: bigint): boolean {
  return textAt(object, 'metadata', 'annotations', agentIdAnnotation) === String(agentId);
}

/** The key of the repository that owns a Receiver. */
export function repositoryKey({ metadata }: KubeObject): string | undefined {
  const references: unknown = metadata.ownerReferences;
  if (!Array.isArray(references)) return undefined;
  const owner = references.find(
    (reference) =>
      textAt(reference, 'kind') === gitRepositoryType.kind &&
      textAt(reference, 'apiVersion').startsWith(`${gitRepositoryType.group}/`),
  ) as unknown;
  const name = textAt(owner, 'name');
  return name === '' ? undefined : `${metadata.namespace ?? ''}/${name}`;
}

/** True when everything wanted is there; more may be. */
export function contains(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return actual === wanted;
  if (typeof actual !== 'object' || actual === null || Array.isArray(actual) !== Array.isArray(wanted))
    return false;
  if (Array.isArray(wanted) && wanted.length !== (actual as unknown[]).length) return false;
  return Object.entries(wanted).every(([key, value]) =>
    contains((actual as Readonly<Record<string, unknown>>)[key], value),
  );
}

/** Cut to the length names may have, ending in a letter or digit as the original ends them. */
function shortened(name: string, charsMax: number): string {
  if (name.length <= charsMax) return name;
  const cut = name.slice(0, charsMax);
  return /[a-z0-9]$/i.test(cut) ? cut : `${cut.slice(0, -2)}-x`;
}
