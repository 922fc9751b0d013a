/** Requests about resources: each verb carried out, each answer made. Authorization has happened before. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../ports/index.ts';
import { asKind, decodedObject, mediaType } from './body.ts';
import { listAt, numberAt, stringListAt, textAt, type JsonObject } from './json.ts';
import { serviceAccountGroups, type TokenUser } from './identity.ts';
import type { Kind } from './kinds.ts';
import { limits } from './limits.ts';
import { list } from './listing.ts';
import type { KubeObject } from './objects.ts';
import type { OpenResponse } from './open-response.ts';
import { patch } from './patching.ts';
import type { PodLogs } from './pod-log.ts';
import type { Identity } from './rbac.ts';
import { badRequest, invalid, methodNotAllowed, noSuchPath, Refusal, tooMany } from './refusal.ts';
import { representation, shownList, shownObject, type Representation } from './representation.ts';
import type { RequestInfo } from './request-info.ts';
import {
  kubeTime,
  type Deleted,
  type DeleteOptions,
  type Resources,
  type WriteOptions,
} from './resources.ts';
import { review } from './reviews.ts';
import { scaled, scaleOf } from './scale.ts';
import type { Store } from './store.ts';
import type { WatchHub } from './watch.ts';

export interface ApiDeps {
  readonly store: Store;
  readonly resources: Resources;
  readonly watches: WatchHub;
  readonly logs: PodLogs;
  readonly clock: Clock;
  readonly tokens: Map<string, TokenUser>;
  readonly newUid: () => string;
}

export interface ApiCall {
  readonly info: RequestInfo;
  readonly target: NonNullable<RequestInfo['resource']>;
  readonly kind: Kind;
  readonly caller: Identity;
  readonly request: Pick<IncomingMessage, 'headers'>;
  /** The whole body, or why not; undefined when the client went away. */
  readonly body: () => Promise<Buffer | Refusal | undefined>;
  readonly response: OpenResponse;
}

/** An answer: JSON text, whole or in pieces. `undefined` where the response is already being written. */
export type Answer = { readonly code: number; readonly body: string | Iterable<string> } | undefined;

const reviewStatus = 201;

function shown(deps: ApiDeps, call: ApiCall, asked: Representation, object: KubeObject, code = 200): Answer {
  if (call.target.subresource === 'scale') return { code, body: JSON.stringify(scaleOf(object)) };
  const options = {
    nowMs: deps.clock.now(),
    includeObject: call.info.query.get('includeObject') ?? 'Metadata',
    withHead: true,
  };
  return { code, body: shownObject(call.kind, object, asked, options) };
}

function isDryRun(query: URLSearchParams): boolean | Refusal {
  const told = query.getAll('dryRun').filter((value) => value !== '');
  if (told.every((value) => value === 'All')) return told.length > 0;
  return invalid({ group: 'meta.k8s.io', kind: 'Options' }, '', [
    {
      field: 'dryRun',
      reason: 'FieldValueNotSupported',
      message: 'Unsupported value: supported values: "All"',
    },
  ]);
}

/** The manager of fields a client did not name: the first word of its user agent. */
function managerOf(call: ApiCall): string {
  const told = call.info.query.get('fieldManager') ?? '';
  return (told || ((call.request.headers['user-agent'] ?? '').split('/')[0] ?? '') || 'unknown').slice(
    0,
    128,
  );
}

function writeOptions(call: ApiCall): WriteOptions | Refusal {
  const dryRun = isDryRun(call.info.query);
  if (dryRun instanceof Refusal) return dryRun;
  return { dryRun, fieldManager: managerOf(call), subresource: call.target.subresource };
}

/** The options of a delete: in the query, or in a body, which then counts. */
function deleteOptions(call: ApiCall, bytes: Buffer): DeleteOptions | Refusal {
  const { query } = call.info;
  const body = bytes.length === 0 ? {} : decodedObject(bytes, mediaType(call.request));
  if (body instanceof Refusal) return body;
  const told = new URLSearchParams(query);
  for (const value of stringListAt(body, 'dryRun')) told.append('dryRun', value);
  const dryRun = isDryRun(told);
  if (dryRun instanceof Refusal) return dryRun;
  const grace = query.get('gracePeriodSeconds');
  return {
    dryRun,
    gracePeriodSeconds: numberAt(body, 'gracePeriodSeconds') ?? (grace === null ? undefined : Number(grace)),
    propagationPolicy: textAt(body, 'propagationPolicy') || (query.get('propagationPolicy') ?? ''),
    uid: textAt(body, 'preconditions', 'uid'),
    resourceVersion: textAt(body, 'preconditions', 'resourceVersion'),
  };
}

function get(deps: ApiDeps, call: ApiCall, asked: Representation): Answer | Refusal {
  const { kind, target } = call;
  const object = deps.resources.get(kind, target.namespace, target.name);
  if (object instanceof Refusal) return object;
  if (target.subresource === 'log') {
    return deps.logs.serve(object, call.info.query, call.response);
  }
  if (target.subresource === 'exec' || target.subresource === 'attach')
    return badRequest('Upgrade request required');
  return shown(deps, call, asked, object);
}

function listed(deps: ApiDeps, call: ApiCall, asked: Representation): Answer | Refusal {
  const { kind, target, info } = call;
  const found = list(deps.store, kind, target.namespace, info.query);
  if (found instanceof Refusal) return found;
  const includeObject = info.query.get('includeObject') ?? 'Metadata';
  const options = { nowMs: deps.clock.now(), includeObject, withHead: true };
  return { code: 200, body: shownList(kind, found.objects, found.metadata, asked, options) };
}

/** Mints a token for a service account, as `kubectl create token` asks for. */
function mintToken(deps: ApiDeps, call: ApiCall, body: JsonObject): Answer | Refusal {
  const { namespace = '', name } = call.target;
  const account = deps.resources.get(call.kind, namespace, name);
  if (account instanceof Refusal) return account;
  if (deps.tokens.size >= limits.mintedTokensMax) return tooMany('tokens');
  const token = `sa-${deps.newUid()}`;
  const username = `system:serviceaccount:${namespace}:${name}`;
  deps.tokens.set(token, { username, groups: serviceAccountGroups(namespace) });
  const seconds = numberAt(body, 'spec', 'expirationSeconds') ?? 3_600;
  const expirationTimestamp = kubeTime(deps.clock.now() + seconds * 1_000);
  const answer = {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: kubeTime(deps.clock.now()) },
    spec: { audiences: listAt(body, 'spec', 'audiences'), expirationSeconds: seconds },
    status: { token, expirationTimestamp },
  };
  return { code: 201, body: JSON.stringify(answer) };
}

function create(deps: ApiDeps, call: ApiCall, asked: Representation, bytes: Buffer): Answer | Refusal {
  const { kind, target } = call;
  const body = decodedObject(bytes, mediaType(call.request));
  if (body instanceof Refusal) return body;
  if (kind.review) {
    const answer = review(kind, call.caller, body, deps);
    return answer instanceof Refusal ? answer : { code: reviewStatus, body: JSON.stringify(answer) };
  }
  if (target.subresource === 'token') return mintToken(deps, call, body);
  if (target.subresource === 'exec' || target.subresource === 'attach')
    return badRequest('Upgrade request required');
  if (target.name !== '') return methodNotAllowed();
  const object = asKind(kind, body);
  const options = writeOptions(call);
  if (object instanceof Refusal) return object;
  if (options instanceof Refusal) return options;
  if (kind.namespaced && target.namespace === undefined) {
    return badRequest('an empty namespace may not be set during creation');
  }
  if (kind.id === '/events') deps.resources.trimEvents(kind);
  const created = deps.resources.create(kind, target.namespace, object, options);
  return created instanceof Refusal ? created : shown(deps, call, asked, created, 201);
}

function update(deps: ApiDeps, call: ApiCall, asked: Representation, bytes: Buffer): Answer | Refusal {
  const { kind, target } = call;
  const options = writeOptions(call);
  if (options instanceof Refusal) return options;
  const body = decodedObject(bytes, mediaType(call.request));
  if (body instanceof Refusal) return body;
  if (target.subresource === 'scale') {
    const before = deps.resources.get(kind, target.namespace, target.name);
    if (before instanceof Refusal) return before;
    const written = deps.resources.replace(kind, before, scaled(before, body), options);
    return written instanceof Refusal ? written : shown(deps, call, asked, written.object);
  }
  const object = asKind(kind, body);
  if (object instanceof Refusal) return object;
  const written = deps.resources.update(kind, target.namespace, target.name, object, options);
  if (written instanceof Refusal) return written;
  return shown(deps, call, asked, written.object, written.created ? 201 : 200);
}

function patchObject(deps: ApiDeps, call: ApiCall, asked: Representation, bytes: Buffer): Answer | Refusal {
  const { kind, target, info } = call;
  const options = writeOptions(call);
  if (options instanceof Refusal) return options;
  const written = patch(deps.resources, deps.store, {
    kind,
    namespace: target.namespace,
    name: target.name,
    type: mediaType(call.request),
    bytes,
    toldManager: info.query.get('fieldManager') ?? '',
    force: ['true', '1'].includes(info.query.get('force') ?? ''),
    options,
  });
  if (written instanceof Refusal) return written;
  return shown(deps, call, asked, written.object, written.created ? 201 : 200);
}

/** A removed object is told by a Status; one that lingers, or was a pod, is shown. */
function afterDelete(deps: ApiDeps, call: ApiCall, asked: Representation, deleted: Deleted): Answer {
  const { kind } = call;
  const { object } = deleted;
  if (!deleted.gone || kind.id === '/pods') return shown(deps, call, asked, object);
  const { name, uid } = object.metadata;
  const details = { name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.plural, uid };
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  return { code: 200, body: JSON.stringify(status) };
}

function remove(deps: ApiDeps, call: ApiCall, asked: Representation, bytes: Buffer): Answer | Refusal {
  const { kind, target } = call;
  const options = deleteOptions(call, bytes);
  if (options instanceof Refusal) return options;
  const deleted = deps.resources.delete(kind, target.namespace, target.name, options);
  return deleted instanceof Refusal ? deleted : afterDelete(deps, call, asked, deleted);
}

function removeAll(deps: ApiDeps, call: ApiCall, asked: Representation, bytes: Buffer): Answer | Refusal {
  const { kind, target, info } = call;
  const options = deleteOptions(call, bytes);
  if (options instanceof Refusal) return options;
  const found = list(deps.store, kind, target.namespace, info.query);
  if (found instanceof Refusal) return found;
  const deleted: KubeObject[] = [];
  for (const object of found.objects) {
    const one = deps.resources.delete(kind, object.metadata.namespace, object.metadata.name, options);
    if (!(one instanceof Refusal)) deleted.push(one.object);
  }
  const metadata = { resourceVersion: String(deps.store.revision) };
  const shownOptions = { nowMs: deps.clock.now(), includeObject: 'Metadata', withHead: true };
  return { code: 200, body: shownList(kind, deleted, metadata, asked, shownOptions) };
}

const writers: Readonly<
  Record<string, (deps: ApiDeps, call: ApiCall, asked: Representation, bytes: Buffer) => Answer | Refusal>
> = { create, update, patch: patchObject, delete: remove, deletecollection: removeAll };

/** Carries out one authorized request. */
export async function answer(deps: ApiDeps, call: ApiCall): Promise<Answer | Refusal> {
  const { kind, target } = call;
  const asked = representation(call.request.headers.accept);
  if (asked instanceof Refusal) return asked;
  if (target.subresource !== '' && !kind.subresources.includes(target.subresource)) return noSuchPath();
  if (target.namespace !== undefined && !kind.namespaced) return noSuchPath();
  if (kind.namespaced && target.name !== '' && target.namespace === undefined) return noSuchPath();
  if (kind.review && target.verb !== 'create') return methodNotAllowed();
  if (target.verb === 'get') return get(deps, call, asked);
  if (target.verb === 'list') return listed(deps, call, asked);
  if (target.verb === 'watch') {
    const { namespace } = target;
    return deps.watches.serve({ kind, namespace, query: call.info.query, asked, response: call.response });
  }
  const write = writers[target.verb];
  if (write === undefined || (target.name === '' && !['create', 'deletecollection'].includes(target.verb))) {
    return methodNotAllowed();
  }
  const bytes = await call.body();
  if (bytes === undefined) return undefined;
  return bytes instanceof Refusal ? bytes : write(deps, call, asked, bytes);
}
