/** What a request is about, read from its method, path and query. */
import type { Attributes } from './rbac.ts';

export interface RequestInfo {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Absent for paths that are no resource: discovery, health, openapi. */
  readonly resource:
    | {
        readonly group: string;
        readonly version: string;
        readonly plural: string;
        readonly subresource: string;
        /** Undefined at the cluster scope: cluster-wide kinds, and lists over all namespaces. */
        readonly namespace: string | undefined;
        readonly name: string;
        readonly verb: string;
      }
    | undefined;
}

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch' };

function verbOf(method: string, name: string, query: URLSearchParams): string {
  const reading = method === 'GET' || method === 'HEAD';
  if (reading && name !== '') return 'get';
  if (reading) return isWatch(query) ? 'watch' : 'list';
  if (method === 'DELETE') return name === '' ? 'deletecollection' : 'delete';
  return verbs[method] ?? method.toLowerCase();
}

function isWatch(query: URLSearchParams): boolean {
  const value = query.get('watch');
  return value === 'true' || value === '1' || value === '';
}

/** The steps of a path, decoded; undefined when an escape is broken. */
function steps(path: string): readonly string[] | undefined {
  try {
    return path
      .split('/')
      .filter((step) => step !== '')
      .map((step) => decodeURIComponent(step));
  } catch {
    return undefined;
  }
}

/** Reads a request line; undefined when the URL is malformed. */
export function requestInfo(method: string, target: string): RequestInfo | undefined {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
  const all = steps(path);
  if (all === undefined) return undefined;
  const [root, ...rest] = all;
  const legacy = root === 'api';
  const prefix = legacy ? 1 : 2;
  if ((!legacy && root !== 'apis') || rest.length <= prefix)
    return { method, path, query, resource: undefined };
  const group = legacy ? '' : (rest[0] ?? '');
  const version = rest[prefix - 1] ?? '';
  let parts = rest.slice(prefix);
  let namespace: string | undefined;
  if (
    parts[0] === 'namespaces' &&
    parts.length > 2 &&
    !(['status', 'finalize'].includes(parts[2] ?? '') && parts.length === 3)
  ) {
    namespace = parts[1] ?? '';
    parts = parts.slice(2);
  }
  const [plural = '', name = '', subresource = ''] = parts;
  const verb = verbOf(method, name, query);
  return { method, path, query, resource: { group, version, plural, subresource, namespace, name, verb } };
}

/** The one name a list or watch is narrowed to, which rules by name then allow. */
function selectedName(query: URLSearchParams): string {
  const parts = (query.get('fieldSelector') ?? '').split(',');
  const form = parts
    .map((part) => /^metadata\.name==?([^=!]+)$/.exec(part.trim()))
    .find((found) => found !== null);
  return form?.[1] ?? '';
}

/** What the request must be allowed to do. */
export function attributesOf(info: RequestInfo): Attributes {
  const { resource } = info;
  if (resource === undefined) return { kind: 'path', verb: info.method.toLowerCase(), path: info.path };
  return {
    kind: 'resource',
    verb: resource.verb,
    group: resource.group,
    resource: resource.plural,
    subresource: resource.subresource,
    // A namespace is its own scope, as in the real server.
    namespace:
      resource.plural === 'namespaces' && resource.group === '' ? resource.name : (resource.namespace ?? ''),
    name: resource.name || selectedName(info.query),
  };
}
