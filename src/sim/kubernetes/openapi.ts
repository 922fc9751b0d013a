/**
 * OpenAPI, as little as clients need: that every kind can be patched and that field validation is the server's job.
 * Schemas are open objects, except those that custom resource definitions bring.
 */
import type { Kind, KindRegistry } from './kinds.ts';
import type { JsonObject } from './json.ts';

const info = { title: 'Kubernetes', version: 'v1.32.0' };

function groupVersionPath(kind: Kind): string {
  return kind.group === '' ? `api/${kind.version}` : `apis/${kind.group}/${kind.version}`;
}

/** Strategic merge patch is taken but not told of, so that clients use their own schemas to make one. */
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/apply-patch+yaml',
];

const query = (name: string): JsonObject => ({
  name,
  in: 'query',
  schema: { type: 'string', uniqueItems: true },
});

function operations(kind: Kind): JsonObject {
  const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
  const common = {
    'x-kubernetes-group-version-kind': gvk,
    responses: { '200': { description: 'OK' } },
  };
  const writing = [query('dryRun'), query('fieldManager'), query('fieldValidation')];
  const content = Object.fromEntries(patchTypes.map((type) => [type, { schema: { type: 'object' } }]));
  return {
    get: { ...common, 'x-kubernetes-action': 'get' },
    put: { ...common, 'x-kubernetes-action': 'put', parameters: writing },
    patch: {
      ...common,
      'x-kubernetes-action': 'patch',
      parameters: [...writing, query('force')],
      requestBody: { content },
    },
    delete: { ...common, 'x-kubernetes-action': 'delete', parameters: [query('dryRun')] },
  };
}

function schemaOf(kind: Kind): JsonObject {
  const { group, version } = kind;
  const own = kind.custom?.schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return { ...own, 'x-kubernetes-group-version-kind': [{ group, version, kind: kind.kind }] };
}

function document(kinds: readonly Kind[]): JsonObject {
  const paths: JsonObject = {};
  const schemas: JsonObject = {};
  for (const kind of kinds) {
    const scope = kind.namespaced ? '/namespaces/{namespace}' : '';
    paths[`/${groupVersionPath(kind)}${scope}/${kind.plural}/{name}`] = operations(kind);
    const reversed = kind.group.split('.').reverse().join('.');
    schemas[`${reversed === '' ? 'io.k8s.core' : reversed}.${kind.version}.${kind.kind}`] = schemaOf(kind);
  }
  return { openapi: '3.0.0', info, paths, components: { schemas } };
}

/**
 * The empty `/openapi/v2` in protobuf, the only form that kubectl before OpenAPI v3 (Debian 12 has 1.20) asks for: version
 * "2.0" (field 1), info (2) with title (1) and version (2), no paths (8). Without it such a kubectl can neither create nor apply.
 */
export const openapiV2Protobuf = {
  /** With a dot where the request has `@`, which Go's media types do not allow. */
  contentType: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
  body: `\n\x032.0\x12\x15\n\n${info.title}\x12\x07${info.version}B\0`,
} as const;

/** Answers a path below /openapi, or undefined. */
export function openapi(kinds: KindRegistry, path: string): JsonObject | undefined {
  const all = kinds.all().filter((kind) => !kind.review);
  if (path === '/openapi/v2') return { swagger: '2.0', info, paths: {}, definitions: {} };
  if (path === '/openapi/v3') {
    const roots = [...new Set(all.map(groupVersionPath))];
    return {
      paths: Object.fromEntries(roots.map((one) => [one, { serverRelativeURL: `/openapi/v3/${one}` }])),
    };
  }
  const wanted = path.startsWith('/openapi/v3/') ? path.slice('/openapi/v3/'.length) : undefined;
  const found = all.filter((kind) => groupVersionPath(kind) === wanted);
  return found.length === 0 ? undefined : document(found);
}
