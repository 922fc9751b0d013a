/** PATCH requests: which kind of patch it is, and what it makes of the object. */
import { isObject, type JsonObject } from './json.ts';
import { asKind, decoded } from './body.ts';
import { inVersion } from './representation.ts';
import type { Kind } from './kinds.ts';
import type { KubeObject } from './objects.ts';
import { jsonPatch, mergePatch } from './patch.ts';
import { badRequest, invalid, notFound, Refusal, required, unsupportedMediaType } from './refusal.ts';
import type { Resources, WriteOptions, Written } from './resources.ts';
import { scaled, scaleOf } from './scale.ts';
import type { Store } from './store.ts';
import { strategicPatch } from './strategic-patch.ts';

const jsonType = 'application/json-patch+json';
const mergeType = 'application/merge-patch+json';
const strategicType = 'application/strategic-merge-patch+json';
const applyType = 'application/apply-patch+yaml';

export interface PatchRequest {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer;
  /** The manager's name as the client gave it: apply demands one. */
  readonly toldManager: string;
  readonly force: boolean;
  readonly options: WriteOptions;
}

function patched(kind: Kind, base: JsonObject, type: string, patch: unknown): JsonObject | Refusal {
  if (type === jsonType) return jsonPatch(base, patch);
  if (!isObject(patch)) return badRequest('the patch is not an object');
  if (type === strategicType) return strategicPatch(kind, base, patch);
  const result = mergePatch(base, patch);
  return isObject(result) ? result : badRequest('the patch left no object');
}

function apply(resources: Resources, request: PatchRequest, body: unknown): Written | Refusal {
  const { kind, namespace, name, options } = request;
  if (request.toldManager === '') {
    const options = { group: 'meta.k8s.io', kind: 'PatchOptions' };
    return invalid(options, '', [required('fieldManager', 'is required for apply patch')]);
  }
  if (!isObject(body)) return badRequest('the configuration to apply is not an object');
  const object = asKind(kind, body);
  if (object instanceof Refusal) return object;
  if (object.metadata.name && object.metadata.name !== name) {
    return badRequest(
      `the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  return resources.apply(kind, namespace, name, object, { ...options, force: request.force });
}

/** Carries out a PATCH of an object or one of its subresources `status` and `scale`. */
export function patch(resources: Resources, store: Store, request: PatchRequest): Written | Refusal {
  const { kind, namespace, name, type, options } = request;
  const accepted =
    kind.custom === undefined
      ? [jsonType, mergeType, strategicType, applyType]
      : [jsonType, mergeType, applyType];
  if (!accepted.includes(type)) return unsupportedMediaType(accepted);
  const body = decoded(request.bytes, type);
  if (body instanceof Refusal) return body;
  if (type === applyType) return apply(resources, request, body);
  const before = store.get(kind.id, namespace, name);
  if (before === undefined) return notFound(kind, name);
  const scale = options.subresource === 'scale';
  const base: KubeObject = scale ? scaleOf(before) : inVersion(kind, before);
  const result = patched(kind, base, type, body);
  if (result instanceof Refusal) return result;
  if (scale) return resources.replace(kind, before, scaled(before, result), options);
  const object = asKind(kind, result);
  if (object instanceof Refusal) return object;
  if (object.metadata.name !== name) return badRequest('metadata.name: a patch cannot rename an object');
  return resources.replace(kind, before, object, options);
}
