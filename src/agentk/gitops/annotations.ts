/** The labels and annotations GitOps works with (`spec/agentk.md §5.14`). */
import type { ObjectId } from './object-id.ts';

export const inventoryIdLabel = 'cli-utils.sigs.k8s.io/inventory-id';
export const owningInventory = 'config.k8s.io/owning-inventory';
export const dependsOn = 'config.kubernetes.io/depends-on';
export const applyTimeMutation = 'config.kubernetes.io/apply-time-mutation';
export const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const lifecycleDeletion = 'client.lifecycle.config.k8s.io/deletion';
const onRemove = 'cli-utils.sigs.k8s.io/on-remove';
/** Ours, on the inventory: the commit whose deletions a person has agreed to. */
export const pruneApproval = 'kastor.dev/approve-prune';

type Annotations = Readonly<Record<string, string>> | undefined;

/** Whether the object stays in the cluster when it leaves the repository. */
export function isDetached(annotations: Annotations): boolean {
  return annotations?.[lifecycleDeletion] === 'detach' || annotations?.[onRemove] === 'keep';
}

export type Dependencies =
  | { readonly kind: 'dependencies'; readonly ids: readonly ObjectId[] }
  | { readonly kind: 'invalid'; readonly reason: string };

/** What `depends-on` names: `group/Kind/name` or `group/namespaces/ns/Kind/name`, separated by commas. */
export function parseDependsOn(text: string): Dependencies {
  const ids: ObjectId[] = [];
  for (const part of text.split(',')) {
    const id = parseReference(part.trim());
    if (id === undefined) {
      const form = 'group/Kind/name or group/namespaces/namespace/Kind/name';
      return { kind: 'invalid', reason: `${dependsOn}: each reference must be ${form}` };
    }
    if (ids.some((other) => sameObject(other, id))) {
      return { kind: 'invalid', reason: `${dependsOn}: one object is named twice` };
    }
    ids.push(id);
  }
  return { kind: 'dependencies', ids };
}

function parseReference(text: string): ObjectId | undefined {
  const fields = text.split('/');
  const [group = '', second = '', third = '', fourth = '', fifth = ''] = fields;
  if (fields.length === 3 && second !== '' && third !== '') {
    return { group, kind: second, namespace: '', name: third };
  }
  const namespaced = fields.length === 5 && second === 'namespaces';
  if (!namespaced || third === '' || fourth === '' || fifth === '') return undefined;
  return { group, kind: fourth, namespace: third, name: fifth };
}

function sameObject(a: ObjectId, b: ObjectId): boolean {
  return a.group === b.group && a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}
