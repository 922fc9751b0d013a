/**
 * agentk's own client of its cluster: the verbs of the API on plain JSON. What is sent is sent as given (a body may be
 * text, so that numbers beyond JavaScript's survive), what comes is given as it is.
 *
 * C1. Every call has a deadline, runs within the bounds of the gate, and ends with an outcome, never with an exception.
 * C2. Nothing is tried again here: who calls knows whether that is safe and when.
 */
import { CallEnd } from './call-end.ts';
import type { CallGate } from './call-gate.ts';
import {
  endedBy,
  exchange,
  open,
  troubleOf,
  type ClusterRequest,
  type ExchangeDeps,
} from './cluster-exchange.ts';
import { refusalOf, type ClusterFailure, type ClusterOutcome } from './cluster-outcome.ts';
import { fieldsOf, kubeObjectOf, textAt, type KubeObject } from './kube-object.ts';
import { clusterLimits } from './limits.ts';
import { apiVersionOf, collectionPath, objectPath, type ResourceType } from './resource-type.ts';
import { watchEvents, type WatchEvent } from './watch-lines.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

export interface WriteOptions extends CallOptions {
  readonly fieldManager?: string;
  /** The server goes through everything and stores nothing. */
  readonly dryRun?: boolean;
}

export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly subresource?: string;
}

/** A body: JSON text as it is, or a value. */
export type Body = string | object;

export interface PatchOptions extends WriteOptions {
  readonly type: 'apply' | 'merge' | 'json' | 'strategic';
  /** Only for `apply`: takes over fields that others manage. */
  readonly force?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly propagation?: 'Foreground' | 'Background' | 'Orphan';
  readonly dryRun?: boolean;
  /** The object is deleted only when it is still this one. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly gracePeriodSeconds?: number;
}

export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ListOptions extends Selection, CallOptions {
  /** Empty: the newest state; `0`: any state; else not older than this one. */
  readonly resourceVersion?: string;
  readonly limit?: number;
  readonly continue?: string;
}

export interface ListPage {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  /** Empty on the last page. */
  readonly continue: string;
}

export interface WatchOptions extends Selection {
  readonly resourceVersion: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/** The server ended the watch in its own time, or the stream broke: both are the end of a watch that worked. */
export type WatchEnd = { readonly kind: 'ended' } | ClusterFailure;

const patchTypes = {
  apply: 'application/apply-patch+yaml',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

const never = new AbortController().signal;

export class ClusterClient {
  readonly #deps: ExchangeDeps;
  readonly #gate: CallGate;

  constructor(deps: ExchangeDeps, gate: CallGate) {
    this.#deps = deps;
    this.#gate = gate;
  }

  get(type: ResourceType, name: ObjectName, options: CallOptions = {}): Promise<ClusterOutcome<KubeObject>> {
    return this.#object(objectPath(type, name), { method: 'GET' }, options);
  }

  /** Creates an object in the collection of its namespace. */
  create(
    type: ResourceType,
    namespace: string | undefined,
    body: Body,
    options: WriteOptions = {},
  ): Promise<ClusterOutcome<KubeObject>> {
    const request = { method: 'POST', query: writing(options), body: textOf(body) } as const;
    return this.#object(collectionPath(type, namespace), request, options);
  }

  /** Replaces an object; with a resourceVersion in the body only when it is still that one. */
  update(
    type: ResourceType,
    name: ObjectName,
    body: Body,
    options: WriteOptions = {},
  ): Promise<ClusterOutcome<KubeObject>> {
    const request = { method: 'PUT', query: writing(options), body: textOf(body) } as const;
    return this.#object(objectPath(type, name), request, options);
  }

  patch(
    type: ResourceType,
    name: ObjectName,
    body: Body,
    options: PatchOptions,
  ): Promise<ClusterOutcome<KubeObject>> {
    const force = options.type === 'apply' && options.force === true ? { force: 'true' } : {};
    const query = writing(options, force);
    const contentType = patchTypes[options.type];
    const request = { method: 'PATCH', query, body: textOf(body), contentType } as const;
    return this.#object(objectPath(type, name), request, options);
  }

  /** Asks for the end of an object. With finalizers it goes later than the answer comes. */
  async delete(
    type: ResourceType,
    name: ObjectName,
    options: DeleteOptions = {},
  ): Promise<ClusterOutcome<void>> {
    const { propagation, dryRun, uid, resourceVersion, gracePeriodSeconds } = options;
    const preconditions = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(propagation !== undefined && { propagationPolicy: propagation }),
      ...(dryRun === true && { dryRun: ['All'] }),
      ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
      ...(Object.keys(preconditions).length > 0 && { preconditions }),
    };
    const answer = await this.#at(
      objectPath(type, name),
      { method: 'DELETE', body: JSON.stringify(body) },
      options,
    );
    return answer.kind === 'ok' ? { kind: 'ok', value: undefined } : answer;
  }

  /** One page. */
  async list(type: ResourceType, options: ListOptions = {}): Promise<ClusterOutcome<ListPage>> {
    const { namespace, limit, resourceVersion } = options;
    const query = queryOf({
      ...selecting(options),
      limit: limit === undefined ? undefined : String(limit),
      continue: options.continue,
      resourceVersion,
    });
    const answer = await this.#at(
      collectionPath(type, namespace),
      { method: 'GET', query },
      { deadlineMs: clusterLimits.listPageMs, ...options },
    );
    if (answer.kind !== 'ok') return answer;
    const { items, metadata } = fieldsOf(answer.value);
    if (!Array.isArray(items)) return malformed('a list without items');
    const named = { apiVersion: apiVersionOf(type), kind: type.kind };
    return {
      kind: 'ok',
      value: {
        items: items.map((item) => kubeObjectOf(item, named)).filter((item) => item !== undefined),
        resourceVersion: textAt(metadata, 'resourceVersion'),
        continue: textAt(metadata, 'continue'),
      },
    };
  }

  /**
   * Watches until the server ends it, the stream breaks or the signal aborts; calls `onEvent` in order. An `ERROR` event
   * ends the watch and is the outcome. What `onEvent` throws ends it too and is thrown.
   */
  async watch(
    type: ResourceType,
    options: WatchOptions,
    onEvent: (event: WatchEvent) => void,
  ): Promise<WatchEnd> {
    const query = queryOf({
      ...selecting(options),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    });
    const path = collectionPath(type, options.namespace);
    if (path === undefined) return noName;
    const end = new CallEnd(this.#deps.clock, options.signal, clusterLimits.watchOpenMs);
    try {
      return await this.#watchTo(end, path + query, options.signal, onEvent);
    } finally {
      end.close();
    }
  }

  async #watchTo(
    end: CallEnd,
    path: string,
    signal: AbortSignal,
    onEvent: (event: WatchEvent) => void,
  ): Promise<WatchEnd> {
    const opened = await open(this.#deps, { method: 'GET', path }, end.signal);
    if (opened.kind !== 'opened') return endedBy(end) ?? opened;
    end.inTime();
    const { statusCode, body, headers } = opened.response;
    if (statusCode !== 200) {
      const text = await body.text().catch(() => '');
      const retryAfter = headers['retry-after'];
      return refusalOf(statusCode, parsed(text), typeof retryAfter === 'string' ? retryAfter : undefined);
    }
    return readEvents(watchEvents(body), signal, onEvent);
  }

  /** Any call, e.g. to a service behind the API server's proxy; the value is the answer's JSON, or its text. */
  async request(request: ClusterRequest, options: CallOptions = {}): Promise<ClusterOutcome<unknown>> {
    const { signal = never, deadlineMs = clusterLimits.callMs } = options;
    const limitMs = Math.min(deadlineMs, this.#deps.callMsMax ?? deadlineMs);
    const end = new CallEnd(this.#deps.clock, signal, limitMs); // C1, the wait at the gate included
    const answer = await this.#gate
      .run(end.signal, () => exchange(this.#deps, request, end.signal))
      .finally(() => end.close());
    if (answer?.kind !== 'answered') {
      const crowded = 'too many calls to the API server wait already';
      return endedBy(end) ?? answer ?? { kind: 'unreachable', cause: 'busy', reason: crowded };
    }
    const { status, text, retryAfter } = answer;
    if (status < 200 || status > 299) return refusalOf(status, parsed(text), retryAfter);
    return { kind: 'ok', value: parsed(text) ?? text };
  }

  async #object(
    path: string | undefined,
    request: Omit<ClusterRequest, 'path'> & { readonly query?: string },
    options: CallOptions,
  ): Promise<ClusterOutcome<KubeObject>> {
    const answer = await this.#at(path, request, options);
    if (answer.kind !== 'ok') return answer;
    const object = kubeObjectOf(answer.value);
    return object === undefined ? malformed('something that is no object') : { kind: 'ok', value: object };
  }

  #at(
    path: string | undefined,
    { query = '', ...request }: Omit<ClusterRequest, 'path'> & { readonly query?: string },
    options: CallOptions,
  ): Promise<ClusterOutcome<unknown>> {
    return path === undefined
      ? Promise.resolve(noName)
      : this.request({ ...request, path: path + query }, options);
  }
}

/** What the server would say, but for names that never reach it. */
const noName: ClusterFailure = {
  kind: 'refused',
  code: 422,
  reason: 'Invalid',
  message: 'a name of an object may not be empty, "." or ".."',
  causes: [],
  retryAfterMs: undefined,
};

async function readEvents(
  events: AsyncGenerator<WatchEvent>,
  signal: AbortSignal,
  onEvent: (event: WatchEvent) => void,
): Promise<WatchEnd> {
  try {
    for (;;) {
      const next = await events.next().catch((error: unknown) => troubleOf(error));
      if (signal.aborted) return { kind: 'unreachable', cause: 'cancelled', reason: 'cancelled' };
      if ('kind' in next || next.done === true) return { kind: 'ended' };
      const { type, object } = next.value;
      if (type === 'ERROR') return refusalOf(Number(object['code'] ?? 500), object);
      onEvent(next.value);
    }
  } finally {
    await events.return(undefined).catch(() => undefined); // lets go of the connection
  }
}

function malformed(what: string): ClusterFailure {
  return { kind: 'unreachable', cause: 'broken', reason: `the API server answered with ${what}` };
}

function selecting({ labelSelector, fieldSelector }: Selection) {
  return { labelSelector, fieldSelector };
}

function writing(
  { fieldManager, dryRun }: WriteOptions,
  more: Readonly<Record<string, string | undefined>> = {},
): string {
  return queryOf({ fieldManager, dryRun: dryRun === true ? 'All' : undefined, ...more });
}

function queryOf(fields: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '');
  const query = new URLSearchParams(given as Array<[string, string]>).toString();
  return query === '' ? '' : `?${query}`;
}

function textOf(body: Body): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
