/**
 * Objects of the cluster as they are on the wire: plain JSON with nothing known but the envelope. Typed models of client
 * libraries drop fields they do not know (`spec/agentk.md §9.2`); here nothing is dropped, and nothing below `metadata`
 * is trusted to be what it should.
 */
export type JsonFields = Readonly<Record<string, unknown>>;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMetadata extends JsonFields {
  readonly name: string;
  /** Absent for cluster-wide objects. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface KubeObject extends JsonFields {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMetadata;
}

/** What identifies an object among those of its kind: `namespace/name`, or the bare name. */
export function objectKey({ metadata }: Pick<KubeObject, 'metadata'>): string {
  const { namespace = '', name } = metadata;
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** JSON as an object's fields; no fields when it is something else. */
export function fieldsOf(value: unknown): JsonFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonFields) : {};
}

/** The text at a path, or empty: `textAt(object, 'spec', 'url')`. */
export function textAt(value: unknown, ...path: readonly string[]): string {
  let here = value;
  for (const step of path) here = fieldsOf(here)[step];
  return typeof here === 'string' ? here : '';
}

/** JSON as an object of the cluster, with the type filled in that items of lists leave out; undefined when it is none. */
export function kubeObjectOf(
  value: unknown,
  type?: { readonly apiVersion: string; readonly kind: string },
): KubeObject | undefined {
  const fields = fieldsOf(value);
  const metadata = fieldsOf(fields['metadata']);
  if (typeof metadata['name'] !== 'string' || metadata['name'] === '') return undefined;
  const given = { apiVersion: fields['apiVersion'] ?? type?.apiVersion, kind: fields['kind'] ?? type?.kind };
  if (typeof given.apiVersion !== 'string' || typeof given.kind !== 'string') return undefined;
  return { ...fields, apiVersion: given.apiVersion, kind: given.kind, metadata: metadata as ObjectMetadata };
}
