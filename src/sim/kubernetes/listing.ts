/** Lists: selection, pages that stay consistent while the cluster moves on, and lists of the past. */
import { at, isObject, type JsonObject } from './json.ts';
import type { Kind } from './kinds.ts';
import type { KubeObject } from './objects.ts';
import { badRequest, expired, Refusal } from './refusal.ts';
import { fieldSelector, labelSelector, type Selector } from './selectors.ts';
import { keyOf, type Store } from './store.ts';

export interface Listed {
  readonly objects: readonly KubeObject[];
  /** The list's own metadata: version, continuation, what remains. */
  readonly metadata: JsonObject;
}

/** The selection a request asks for; `narrowed` tells whether it may leave anything out. */
export function selection(
  kind: Kind,
  query: URLSearchParams,
): { readonly selects: Selector; readonly narrowed: boolean } | Refusal {
  const labels = query.get('labelSelector') ?? '';
  const fields = query.get('fieldSelector') ?? '';
  const byLabel = labelSelector(labels);
  if (byLabel instanceof Refusal) return byLabel;
  const byField = fieldSelector(kind, fields);
  if (byField instanceof Refusal) return byField;
  return {
    selects: (object) => byLabel(object) && byField(object),
    narrowed: labels !== '' || fields !== '',
  };
}

/** A resourceVersion parameter: undefined when absent or 0 ("any"). */
export function revisionOf(text: string | null): number | undefined | Refusal {
  if (text === null || text === '' || text === '0') return undefined;
  if (!/^\d{1,15}$/.test(text))
    return badRequest(`Invalid value: ${JSON.stringify(text)}: not a resource version`);
  return Number(text);
}

interface Continuation {
  readonly revision: number;
  readonly start: string;
}

function continuation(token: string): Continuation | Refusal {
  try {
    const told: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    const revision = at(told, 'rv');
    const start = at(told, 'start');
    if (isObject(told) && typeof revision === 'number' && typeof start === 'string')
      return { revision, start };
  } catch {
    // Not one of our tokens: refused below.
  }
  return badRequest('continue key is not valid');
}

function tokenOf(revision: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url');
}

function tooLarge(asked: number, current: number): Refusal {
  return new Refusal(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

const keyOfObject = (object: KubeObject) => keyOf(object.metadata.namespace, object.metadata.name);

/** The objects at the wanted version, of one namespace or all. */
function held(
  store: Store,
  kind: Kind,
  namespace: string | undefined,
  revision: number | undefined,
): readonly KubeObject[] | Refusal {
  if (revision === undefined || revision === store.revision) return store.list(kind.id, namespace);
  if (revision > store.revision) return tooLarge(revision, store.revision);
  const past = store.snapshot(kind.id, revision);
  if (past === undefined) {
    return expired(`The provided resource version or continue parameter is too old: ${revision}`);
  }
  return namespace === undefined ? past : past.filter((object) => object.metadata.namespace === namespace);
}

/** The version a list is of: a page's own, an exact one, or now. */
function wantedRevision(
  store: Store,
  query: URLSearchParams,
  page: Continuation | undefined,
): number | undefined | Refusal {
  if (page !== undefined) return page.revision;
  const asked = revisionOf(query.get('resourceVersion'));
  if (asked === undefined || asked instanceof Refusal) return asked;
  if (query.get('resourceVersionMatch') === 'Exact') return asked;
  return asked > store.revision ? tooLarge(asked, store.revision) : undefined;
}

export function list(
  store: Store,
  kind: Kind,
  namespace: string | undefined,
  query: URLSearchParams,
): Listed | Refusal {
  const selected = selection(kind, query);
  if (selected instanceof Refusal) return selected;
  const token = query.get('continue') ?? '';
  const page = token === '' ? undefined : continuation(token);
  if (page instanceof Refusal) return page;
  const wanted = wantedRevision(store, query, page);
  if (wanted instanceof Refusal) return wanted;
  const found = held(store, kind, namespace, wanted);
  if (found instanceof Refusal) return found;
  const revision = wanted ?? store.revision;
  let objects = selected.narrowed ? found.filter(selected.selects) : found;
  if (page !== undefined) objects = objects.filter((object) => keyOfObject(object) >= page.start);
  const limit = Number(query.get('limit') ?? 0);
  const next = Number.isInteger(limit) && limit > 0 ? objects[limit] : undefined;
  const metadata: JsonObject = { resourceVersion: String(revision) };
  if (next === undefined) return { objects, metadata };
  metadata['continue'] = tokenOf(revision, keyOfObject(next));
  if (!selected.narrowed) metadata['remainingItemCount'] = objects.length - limit;
  return { objects: objects.slice(0, limit), metadata };
}
