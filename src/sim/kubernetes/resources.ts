/**
 * Create, read, update, patch and delete: what happens to an object between the request and the store.
 *
 * R1. A write that changes nothing is not written: the resourceVersion stays.
 * R2. An object that is being deleted goes when its last finalizer goes.
 * R3. A dry run does everything but the last step.
 */
import type { Clock } from '../../ports/index.ts';
import { applyConfiguration, recordUpdate, type Manager } from './apply.ts';
import { objectAt } from './json.ts';
import { causesAgainst, completed } from './kind-rules.ts';
import { apiVersionOf, type Kind, type KindRegistry } from './kinds.ts';
import { limits } from './limits.ts';
import { gracePeriod, mayGo, merged, same, withGeneration } from './object-changes.ts';
import { withoutEmpty, type KubeObject, type ObjectMeta } from './objects.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  modified,
  notFound,
  Refusal,
  required,
  tooMany,
} from './refusal.ts';
import type { Store } from './store.ts';

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  /** Empty for the object itself. */
  readonly subresource: string;
}

export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface Written {
  readonly object: KubeObject;
  readonly created: boolean;
}

export interface Deleted {
  readonly object: KubeObject;
  /** False while finalizers or a grace period hold it. */
  readonly gone: boolean;
}

export interface ResourcesDeps {
  readonly store: Store;
  readonly kinds: KindRegistry;
  readonly clock: Clock;
  readonly newUid: () => string;
  /** Five characters that make a generated name unique. */
  readonly nameSuffix: () => string;
}

/** Milliseconds since the epoch as Kubernetes writes times: whole seconds, UTC. */
export function kubeTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

export class Resources {
  private readonly deps: ResourcesDeps;
  private nextIp = 10;

  constructor(deps: ResourcesDeps) {
    this.deps = deps;
  }

  private now(): string {
    return kubeTime(this.deps.clock.now());
  }

  private manager(kind: Kind, options: WriteOptions): Manager {
    return {
      name: options.fieldManager,
      apiVersion: apiVersionOf(kind),
      subresource: options.subresource,
      time: this.now(),
    };
  }

  private clusterIp = (): string => {
    this.nextIp += 1;
    return `10.96.${Math.floor(this.nextIp / 250) % 250}.${(this.nextIp % 250) + 1}`;
  };

  get(kind: Kind, namespace: string | undefined, name: string): KubeObject | Refusal {
    return this.deps.store.get(kind.id, namespace, name) ?? notFound(kind, name);
  }

  /** Creates an object; `body` may still lack its name when `generateName` is there. */
  create(
    kind: Kind,
    namespace: string | undefined,
    body: KubeObject,
    options: WriteOptions,
  ): KubeObject | Refusal {
    const named = this.named(kind, namespace, body);
    if (named instanceof Refusal) return named;
    if (named.metadata.resourceVersion) {
      return badRequest('resourceVersion should not be set on objects to be created');
    }
    const refused = this.roomFor(kind, namespace, named.metadata.name);
    if (refused !== undefined) return refused;
    const { store } = this.deps;
    if (store.get(kind.id, namespace, named.metadata.name) !== undefined) {
      return alreadyExists(kind, named.metadata.name);
    }
    const fresh = this.fresh(kind, namespace, named);
    const object = this.prepared(kind, undefined, fresh);
    if (object instanceof Refusal) return object;
    const recorded = recordUpdate(kind, undefined, object, this.manager(kind, options));
    return options.dryRun ? recorded : store.put(kind.id, recorded);
  }

  private named(kind: Kind, namespace: string | undefined, body: KubeObject): KubeObject | Refusal {
    const { metadata } = body;
    if (namespace !== undefined && metadata.namespace !== undefined && metadata.namespace !== namespace) {
      return badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    }
    if (metadata.name) return body;
    if (!metadata.generateName) {
      return invalid(kind, '', [required('metadata.name', 'name or generateName is required')]);
    }
    return { ...body, metadata: { ...metadata, name: metadata.generateName + this.deps.nameSuffix() } };
  }

  private roomFor(kind: Kind, namespace: string | undefined, name: string): Refusal | undefined {
    const { store, kinds } = this.deps;
    if (store.full) return tooMany('objects');
    if (kind.id === 'apiextensions.k8s.io/customresourcedefinitions' && kinds.full) {
      return tooMany('custom resource definitions');
    }
    if (namespace === undefined) return undefined;
    const home = store.get('/namespaces', undefined, namespace);
    if (home === undefined) return notFound({ group: '', plural: 'namespaces' }, namespace);
    if (home.metadata.deletionTimestamp === undefined) return undefined;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    return forbidden(kind, name, why);
  }

  /** A body as a new object: the server's own metadata, and no status where the status is not the writer's to set. */
  private fresh(kind: Kind, namespace: string | undefined, body: KubeObject): KubeObject {
    const { deletionTimestamp: _t, deletionGracePeriodSeconds: _g, ...metadata } = body.metadata;
    const { status, ...rest } = body;
    const keepsStatus = !kind.subresources.includes('status') || kind.id === '/nodes';
    return {
      ...rest,
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: {
        ...metadata,
        ...(namespace === undefined ? {} : { namespace }),
        uid: this.deps.newUid(),
        resourceVersion: '',
        creationTimestamp: this.now(),
        ...(kind.generations ? { generation: 1 } : {}),
      },
      ...(keepsStatus && status !== undefined ? { status } : {}),
    };
  }

  /** Defaults and checks; everything a stored object went through. */
  private prepared(kind: Kind, before: KubeObject | undefined, object: KubeObject): KubeObject | Refusal {
    const tidy = { ...object, metadata: withoutEmpty(object.metadata) };
    const complete = completed(kind, tidy, { before, clusterIp: this.clusterIp });
    if (complete instanceof Refusal) return complete;
    const causes = causesAgainst(kind, complete, before);
    return causes.length === 0 ? complete : invalid(kind, complete.metadata.name, causes);
  }

  /** Replaces an object, or with the kind's leave creates it. */
  update(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    body: KubeObject,
    options: WriteOptions,
  ): Written | Refusal {
    if (body.metadata.name !== name) {
      return badRequest(
        `the name of the object (${body.metadata.name || ''}) does not match the name on the URL (${name})`,
      );
    }
    const before = this.deps.store.get(kind.id, namespace, name);
    if (before === undefined) {
      if (!kind.createOnUpdate || options.subresource !== '') return notFound(kind, name);
      const created = this.create(kind, namespace, body, options);
      return created instanceof Refusal ? created : { object: created, created: true };
    }
    if (!body.metadata.resourceVersion && !kind.unconditionalUpdate && options.subresource === '') {
      const message = 'Invalid value: 0x0: must be specified for an update';
      return invalid(kind, name, [
        { field: 'metadata.resourceVersion', reason: 'FieldValueInvalid', message },
      ]);
    }
    return this.replace(kind, before, body, options);
  }

  /** Writes `body` over `before`, keeping what is the server's. */
  replace(kind: Kind, before: KubeObject, body: KubeObject, options: WriteOptions): Written | Refusal {
    const stale = this.stale(kind, before, body.metadata);
    if (stale !== undefined) return stale;
    const after = merged(kind, before, body, options.subresource);
    const object = this.prepared(kind, before, after);
    if (object instanceof Refusal) return object;
    const recorded = recordUpdate(kind, before, object, this.manager(kind, options));
    return this.settle(kind, before, recorded, options.dryRun);
  }

  private stale(kind: Kind, before: KubeObject, told: Partial<ObjectMeta>): Refusal | undefined {
    const { name, uid, resourceVersion } = before.metadata;
    if (told.uid && told.uid !== uid) {
      return conflict(
        kind,
        name,
        `Precondition failed: UID in precondition: ${told.uid}, UID in object meta: ${uid}`,
      );
    }
    return told.resourceVersion && told.resourceVersion !== resourceVersion
      ? modified(kind, name)
      : undefined;
  }

  /** The last step of every write to an existing object (R1, R2, R3). */
  private settle(kind: Kind, before: KubeObject, after: KubeObject, dryRun: boolean): Written | Refusal {
    const added = (after.metadata.finalizers ?? []).filter(
      (finalizer) => !(before.metadata.finalizers ?? []).includes(finalizer),
    );
    if (before.metadata.deletionTimestamp !== undefined && added.length > 0) {
      const message = 'Forbidden: no new finalizers can be added if the object is being deleted';
      const cause = { field: 'metadata.finalizers', reason: 'FieldValueForbidden', message };
      return invalid(kind, before.metadata.name, [cause]);
    }
    const counted = withGeneration(kind, before, after);
    if (same(before, counted)) return { object: before, created: false };
    if (dryRun) return { object: counted, created: false };
    const { store } = this.deps;
    if (mayGo(kind, counted)) return { object: store.remove(kind.id, counted), created: false };
    return { object: store.put(kind.id, counted), created: false };
  }

  /** Server-side apply. */
  apply(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    body: KubeObject,
    options: WriteOptions & { readonly force: boolean },
  ): Written | Refusal {
    if (body.metadata.managedFields !== undefined) return badRequest('metadata.managedFields must be nil');
    const applied: KubeObject = { ...body, metadata: { ...body.metadata, name } };
    if (options.subresource === '' && kind.subresources.includes('status')) delete applied['status'];
    const before = this.deps.store.get(kind.id, namespace, name);
    const manager = this.manager(kind, options);
    if (before === undefined) return this.applyNew(kind, namespace, applied, options, manager);
    const stale = this.stale(kind, before, applied.metadata);
    if (stale !== undefined) return stale;
    const result = applyConfiguration(kind, before, applied, manager, options.force);
    if (result instanceof Refusal) return result;
    const object = this.prepared(kind, before, merged(kind, before, result, options.subresource));
    return object instanceof Refusal ? object : this.settle(kind, before, object, options.dryRun);
  }

  private applyNew(
    kind: Kind,
    namespace: string | undefined,
    applied: KubeObject,
    options: WriteOptions,
    manager: Manager,
  ): Written | Refusal {
    if (options.subresource !== '') return notFound(kind, applied.metadata.name);
    if (applied.metadata.resourceVersion) return modified(kind, applied.metadata.name);
    const named = this.named(kind, namespace, applied);
    if (named instanceof Refusal) return named;
    const refused = this.roomFor(kind, namespace, named.metadata.name);
    if (refused !== undefined) return refused;
    const owned = applyConfiguration(kind, undefined, named, manager, true);
    if (owned instanceof Refusal) return owned;
    const object = this.prepared(kind, undefined, this.fresh(kind, namespace, owned));
    if (object instanceof Refusal) return object;
    return { object: options.dryRun ? object : this.deps.store.put(kind.id, object), created: true };
  }

  delete(kind: Kind, namespace: string | undefined, name: string, options: DeleteOptions): Deleted | Refusal {
    const before = this.deps.store.get(kind.id, namespace, name);
    if (before === undefined) return notFound(kind, name);
    const stale = this.stale(kind, before, options);
    if (stale !== undefined) return stale;
    const marked = this.marked(kind, before, options);
    if (options.dryRun) return { object: marked, gone: mayGo(kind, marked) };
    const { store } = this.deps;
    if (mayGo(kind, marked)) return { object: store.remove(kind.id, before), gone: true };
    const counted = withGeneration(kind, before, marked);
    return { object: same(before, counted) ? before : store.put(kind.id, counted), gone: false };
  }

  /** The object as it is while being deleted: time of death, grace, and what must happen first. */
  private marked(kind: Kind, before: KubeObject, options: DeleteOptions): KubeObject {
    const grace = gracePeriod(kind, before, options.gracePeriodSeconds);
    const extra = { Foreground: 'foregroundDeletion', Orphan: 'orphan' }[options.propagationPolicy];
    const finalizers = [
      ...new Set([...(before.metadata.finalizers ?? []), ...(extra === undefined ? [] : [extra])]),
    ];
    const at = kubeTime(this.deps.clock.now() + grace * 1_000);
    const first = before.metadata.deletionTimestamp === undefined;
    const sooner = grace < (before.metadata.deletionGracePeriodSeconds ?? 0);
    const metadata: ObjectMeta = {
      ...before.metadata,
      ...(first || sooner ? { deletionTimestamp: at, deletionGracePeriodSeconds: grace } : {}),
      ...(finalizers.length === 0 ? {} : { finalizers }),
    };
    if (kind.id !== '/namespaces') return { ...before, metadata };
    return { ...before, metadata, status: { ...objectAt(before, 'status'), phase: 'Terminating' } };
  }

  /** Keeps Kubernetes Events bounded: call before adding one. */
  trimEvents(kind: Kind): void {
    const events = this.deps.store.list(kind.id);
    if (events.length < limits.eventsMax) return;
    const oldest = [...events].sort(
      (a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion),
    );
    for (const event of oldest.slice(0, Math.ceil(limits.eventsMax / 10)))
      this.deps.store.remove(kind.id, event);
  }
}
