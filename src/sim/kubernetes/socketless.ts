/**
 * The simulated cluster for who has no sockets: questions as text, answers as text, on whatever clock is given. Objects live in it and are
 * collected as in the other; nothing runs. Whoever asks the same at the same times gets the same.
 */
import type { Clock } from '../../ports/index.ts';
import { answer, type ApiDeps } from './api.ts';
import { asKind } from './body.ts';
import { discovery } from './discovery.ts';
import { GarbageCollector } from './garbage.ts';
import type { JsonObject } from './json.ts';
import { KindRegistry } from './kinds.ts';
import type { KubeObject } from './objects.ts';
import type { OpenResponse } from './open-response.ts';
import { PodLogs } from './pod-log.ts';
import type { Identity } from './rbac.ts';
import { badRequest, noSuchPath, Refusal } from './refusal.ts';
import { requestInfo } from './request-info.ts';
import { Resources } from './resources.ts';
import { Store, type Change } from './store.ts';
import { WatchHub } from './watch.ts';

export type { OpenResponse } from './open-response.ts';
export type { KubeObject } from './objects.ts';

/** A request to the API server, past authentication and authorization. */
export interface ClusterQuestion {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

export interface ClusterReply {
  readonly status: number;
  readonly text: string;
}

const caller: Identity = { username: 'admin', uid: '', groups: ['system:masters'], extra: {} };

export class SocketlessKubernetes {
  readonly #deps: ApiDeps & { readonly kinds: KindRegistry };
  /** Nothing is collected any more. */
  readonly stop: () => void;
  #uids = 0;

  /** Has the namespace `default` and nothing else. */
  constructor(clock: Clock) {
    const store = new Store();
    const kinds = new KindRegistry();
    const newUid = () => `uid-${++this.#uids}`;
    const resources = new Resources({ store, kinds, clock, newUid, nameSuffix: () => `${++this.#uids}` });
    const garbage = new GarbageCollector({ store, kinds, resources, clock });
    this.stop = () => garbage.stop();
    const watches = new WatchHub(store, clock);
    const logs = new PodLogs(store, clock);
    this.#deps = { store, kinds, resources, watches, logs, clock, tokens: new Map(), newUid };
    this.put('namespaces', { metadata: { name: 'default' } }, 'kube-apiserver');
  }

  /** Answers a question; undefined when it is a watch, which goes on in `stream`. */
  async ask(question: ClusterQuestion, stream: OpenResponse): Promise<ClusterReply | undefined> {
    const { method, path, contentType, body } = question;
    const info = requestInfo(method, path);
    if (info === undefined) return refused(badRequest('the URL is malformed'));
    const { kinds } = this.#deps;
    const target = info.resource;
    if (target === undefined) {
      const found = discovery(kinds, info.path, '');
      return found === undefined ? refused(noSuchPath()) : { status: 200, text: JSON.stringify(found.body) };
    }
    const kind = kinds.find(target.group, target.version, target.plural);
    if (kind === undefined) return refused(noSuchPath());
    const request = { headers: { 'content-type': contentType, 'user-agent': 'agentk' } };
    const bytes = () => Promise.resolve(Buffer.from(body));
    const call = { info, target, kind, caller, request, body: bytes, response: stream };
    const answered = await answer(this.#deps, call);
    if (answered === undefined) return undefined;
    if (answered instanceof Refusal) return refused(answered);
    const { code, body: text } = answered;
    return { status: code, text: typeof text === 'string' ? text : Array.from(text).join('') };
  }

  /** Objects of a kind of the core group. */
  list(plural: string, namespace?: string): readonly KubeObject[] {
    return this.#deps.store.list(this.#deps.kinds.builtin('v1', plural).id, namespace);
  }

  /** Somebody writes an object of the core group, new or over the one of its name. */
  put(plural: string, body: JsonObject, manager: string): KubeObject {
    const { kinds, resources, store } = this.#deps;
    const kind = kinds.builtin('v1', plural);
    const object = done(asKind(kind, body));
    const { namespace, name } = object.metadata;
    const options = { dryRun: false, fieldManager: manager, subresource: '' };
    if (store.get(kind.id, namespace, name) === undefined) {
      return done(resources.create(kind, namespace, object, options));
    }
    return done(resources.update(kind, namespace, name, object, options)).object;
  }

  /** Somebody deletes an object of the core group, at once. */
  remove(plural: string, namespace: string, name: string): void {
    const { kinds, resources } = this.#deps;
    const options = {
      dryRun: false,
      gracePeriodSeconds: undefined,
      propagationPolicy: 'Background',
      uid: '',
      resourceVersion: '',
    };
    resources.delete(kinds.builtin('v1', plural), namespace, name, options);
  }

  /** Forgets the past, and tells those who watch: they must begin again. */
  expire(): void {
    this.#deps.store.compact();
    this.#deps.watches.expire();
  }

  /** Tells of every change, after it. */
  onChange(listener: (change: Change) => void): void {
    this.#deps.store.subscribe(listener);
  }
}

function done<T>(written: T | Refusal): T {
  if (written instanceof Refusal) throw new Error(written.message);
  return written;
}

function refused(refusal: Refusal): ClusterReply {
  return { status: refusal.code, text: JSON.stringify(refusal.status()) };
}
