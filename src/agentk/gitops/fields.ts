/** Who manages which fields of an object, as `metadata.managedFields` tells: ours, and what client-side apply left behind. */
import { createHash } from 'node:crypto';
import { fieldsOf, textAt, type JsonFields, type KubeObject } from '../kubernetes/index.ts';
import { lastApplied } from './annotations.ts';

/** The name under which the original applies; with it this agent takes its objects over, and the other way round. */
export const fieldManager = 'agentk';

function entriesOf(object: KubeObject): readonly JsonFields[] {
  const { managedFields } = object.metadata;
  return Array.isArray(managedFields) ? managedFields.map(fieldsOf) : [];
}

function isOurs(entry: JsonFields): boolean {
  return (
    entry['manager'] === fieldManager && entry['operation'] === 'Apply' && textAt(entry, 'subresource') === ''
  );
}

/**
 * A digest of the set of fields we manage; empty when we manage none. It changes exactly when somebody else changes a field
 * that we set, because that takes the field from us; others' own fields do not count (`spec/users.md` G65).
 */
export function ownedFields(object: KubeObject): string {
  const entry = entriesOf(object).find(isOurs);
  if (entry === undefined) return '';
  return createHash('sha256')
    .update(JSON.stringify(entry['fieldsV1'] ?? {}))
    .digest('base64');
}

/** A digest of a manifest as it is sent. */
export function manifestDigest(object: KubeObject): string {
  return createHash('sha256').update(JSON.stringify(object)).digest('base64');
}

/** Of an object, what {@link ownedFields} looks at. */
export function onlyOwnership({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion } = metadata;
  const known = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
  const managedFields = entriesOf({ apiVersion, kind, metadata }).filter(isOurs);
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }), ...known, managedFields } };
}

/**
 * The entries without those of client-side apply, their fields given to us (`spec/agentk.md §5.11` step 6): otherwise fields that
 * leave the manifest would stay, because the other manager has them too. Undefined when there is nothing to move.
 */
export function withoutClientSideApply(object: KubeObject): readonly JsonFields[] | undefined {
  const entries = entriesOf(object);
  const ours = entries.find(isOurs);
  const old = entries.filter(isClientSideApply);
  if (ours === undefined || old.length === 0) return undefined;
  const fieldsV1 = old.reduce(
    (union, entry) => unionOf(union, fieldsOf(entry['fieldsV1'])),
    fieldsOf(ours['fieldsV1']),
  );
  return entries.flatMap((entry) => {
    if (entry === ours) return [{ ...ours, fieldsV1 }];
    return old.includes(entry) ? [] : [entry];
  });
}

function isClientSideApply(entry: JsonFields): boolean {
  if (entry['operation'] !== 'Update' || textAt(entry, 'subresource') !== '') return false;
  const metadata = fieldsOf(fieldsOf(entry['fieldsV1'])['f:metadata']);
  return Object.hasOwn(fieldsOf(metadata['f:annotations']), `f:${lastApplied}`);
}

function unionOf(a: JsonFields, b: JsonFields): JsonFields {
  const union = new Map(Object.entries(a));
  for (const [name, fields] of Object.entries(b)) {
    union.set(name, unionOf(fieldsOf(union.get(name)), fieldsOf(fields)));
  }
  return Object.fromEntries(union);
}
