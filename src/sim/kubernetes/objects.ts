/**
 * The shape every Kubernetes object shares.
 *
 * O1. A stored object is never changed in place: every change makes a new one. Its JSON text may therefore be cached
 *     by identity, which is what keeps lists of 10,000 objects cheap.
 */
import { isObject, type JsonObject } from './json.ts';

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time: string;
  fieldsType: 'FieldsV1';
  fieldsV1: JsonObject;
  subresource?: string;
}

export interface ObjectMeta {
  name: string;
  generateName?: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFieldsEntry[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

const texts = new WeakMap<KubeObject, string>();

/** The JSON text of a stored object, made once per version (O1). */
export function jsonText(object: KubeObject): string {
  let text = texts.get(object);
  if (text === undefined) {
    text = JSON.stringify(object);
    texts.set(object, text);
  }
  return text;
}

const metadataShape: Readonly<Record<string, (value: unknown) => boolean>> = {
  name: (value) => typeof value === 'string',
  generateName: (value) => typeof value === 'string',
  namespace: (value) => typeof value === 'string',
  uid: (value) => typeof value === 'string',
  resourceVersion: (value) => typeof value === 'string',
  labels: isStringMap,
  annotations: isStringMap,
  finalizers: (value) => Array.isArray(value) && value.every((entry) => typeof entry === 'string'),
  ownerReferences: (value) => Array.isArray(value) && value.every(isOwnerReference),
  managedFields: (value) => Array.isArray(value) && value.every(isManagedFieldsEntry),
};

function isStringMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((entry) => typeof entry === 'string');
}
function isOwnerReference(value: unknown): boolean {
  return isObject(value) && ['apiVersion', 'kind', 'name', 'uid'].every((n) => typeof value[n] === 'string');
}
function isManagedFieldsEntry(value: unknown): boolean {
  return (
    isObject(value) &&
    (value['manager'] === undefined || typeof value['manager'] === 'string') &&
    (value['fieldsV1'] === undefined || isObject(value['fieldsV1']))
  );
}

/**
 * Takes a decoded body as a Kubernetes object after checking the types of what all objects share.
 * Answers the name of the offending field otherwise. `null` entries of metadata count as absent.
 */
export function asKubeObject(body: JsonObject): KubeObject | { readonly badField: string } {
  const metadata = body['metadata'] ?? {};
  if (!isObject(metadata)) return { badField: 'metadata' };
  const kept: JsonObject = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (value === null || value === undefined || value === '') continue;
    const check = metadataShape[name];
    if (check !== undefined && !check(value)) return { badField: `metadata.${name}` };
    kept[name] = value;
  }
  const object: JsonObject = { ...body, metadata: kept };
  return object as KubeObject; // the parts all objects share were checked above
}

/** Metadata without empty maps and lists, which the server does not keep. */
export function withoutEmpty(metadata: ObjectMeta): ObjectMeta {
  const { labels, annotations, ownerReferences, finalizers, ...rest } = metadata;
  const said = (value: object | undefined) => value !== undefined && Object.keys(value).length > 0;
  return {
    ...rest,
    ...(labels !== undefined && said(labels) ? { labels } : {}),
    ...(annotations !== undefined && said(annotations) ? { annotations } : {}),
    ...(ownerReferences !== undefined && said(ownerReferences) ? { ownerReferences } : {}),
    ...(finalizers !== undefined && said(finalizers) ? { finalizers } : {}),
  };
}

/** The owner that manages this object, if it has one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}
