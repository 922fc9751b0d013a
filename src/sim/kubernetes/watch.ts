/**
 * Watches: every change of a kind to everybody who asked, as one chunk of JSON per event.
 *
 * W1. A watcher sees every change after its version, in order, once: history first, then what happens.
 * W2. A watcher that does not read is cut off when too much waits for it; it starts again from its last version.
 * W3. An object that leaves a selection is shown as deleted, one that enters it as added.
 */
import type { Clock, TimerHandle } from '../../ports/index.ts';
import { revisionOf, selection } from './listing.ts';
import { apiVersionOf, type Kind } from './kinds.ts';
import { limits, paces } from './limits.ts';
import type { KubeObject } from './objects.ts';
import type { OpenResponse } from './open-response.ts';
import { expired, Refusal, tooMany } from './refusal.ts';
import { shownObject, table, type Representation } from './representation.ts';
import type { Selector } from './selectors.ts';
import type { Change, Store } from './store.ts';

export interface WatchRequest {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly query: URLSearchParams;
  readonly asked: Representation;
  readonly response: OpenResponse;
}

interface Watcher extends WatchRequest {
  readonly selects: Selector;
  readonly bookmarks: boolean;
  headSent: boolean;
  close: () => void;
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** What a change is to a watcher (W3), or undefined when it does not concern it. */
function seenBy(watcher: Watcher, change: Change): { type: EventType; object: KubeObject } | undefined {
  const { object, previous } = change;
  if (watcher.namespace !== undefined && object.metadata.namespace !== watcher.namespace) return undefined;
  const before = previous !== undefined && watcher.selects(previous);
  const after = change.type !== 'DELETED' && watcher.selects(object);
  if (!before && !after) return undefined;
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', object };
  if (change.type === 'DELETED' || previous === undefined) return { type: 'DELETED', object };
  const metadata = { ...previous.metadata, resourceVersion: object.metadata.resourceVersion };
  return { type: 'DELETED', object: { ...previous, metadata } };
}

export class WatchHub {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly watchers = new Map<string, Set<Watcher>>();
  private count = 0;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
    store.subscribe((change) => {
      for (const watcher of this.watchers.get(change.collection) ?? []) this.tell(watcher, change);
    });
  }

  /** Starts a watch on an open response, or says why not. */
  serve(request: WatchRequest): Refusal | undefined {
    if (this.count >= limits.watchersMax) return tooMany('watches');
    const { kind, query, response } = request;
    const selected = selection(kind, query);
    if (selected instanceof Refusal) return selected;
    const from = revisionOf(query.get('resourceVersion'));
    if (from instanceof Refusal) return from;
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' });
    response.flushHeaders();
    const bookmarks = isTrue(query.get('allowWatchBookmarks'));
    const watcher: Watcher = {
      ...request,
      selects: selected.selects,
      bookmarks,
      headSent: false,
      close: () => response.end(),
    };
    this.begin(watcher, from);
    return undefined;
  }

  private begin(watcher: Watcher, from: number | undefined): void {
    const initial = isTrue(watcher.query.get('sendInitialEvents'));
    const { kind, namespace } = watcher;
    const past = from === undefined || initial ? undefined : this.store.since(kind.id, from);
    if (from !== undefined && !initial && past === undefined) {
      const message = `too old resource version: ${from} (${this.store.oldest(kind.id)})`;
      this.send(watcher, 'ERROR', JSON.stringify(expired(message).status()));
      watcher.response.end();
      return;
    }
    for (const change of past ?? []) this.tell(watcher, change);
    if (past === undefined && watcher.query.get('sendInitialEvents') !== 'false') {
      for (const object of this.store.list(kind.id, namespace)) {
        if (watcher.selects(object)) this.show(watcher, 'ADDED', object);
      }
      if (initial) this.bookmark(watcher, { 'k8s.io/initial-events-end': 'true' });
    }
    if (!watcher.response.destroyed) this.keep(watcher);
  }

  /** Registers the watcher until its response closes or its time is up. */
  private keep(watcher: Watcher): void {
    const { kind, query, response } = watcher;
    let group = this.watchers.get(kind.id);
    if (group === undefined) this.watchers.set(kind.id, (group = new Set()));
    const held = group;
    held.add(watcher);
    this.count += 1;
    const seconds = Number(query.get('timeoutSeconds') ?? 0);
    const timeoutMs = seconds > 0 && seconds < 86_400 ? seconds * 1_000 : paces.watchTimeoutMs;
    let bookmarkTimer: TimerHandle;
    const repeat = (): void => {
      this.bookmark(watcher);
      bookmarkTimer = this.clock.setTimeout(repeat, paces.bookmarkMs);
    };
    bookmarkTimer = this.clock.setTimeout(repeat, paces.bookmarkMs);
    watcher.close = () => {
      if (!response.writableEnded) this.bookmark(watcher);
      response.end();
    };
    const timeout = this.clock.setTimeout(() => watcher.close(), timeoutMs);
    response.once('close', () => {
      this.clock.clearTimeout(timeout);
      this.clock.clearTimeout(bookmarkTimer);
      if (held.delete(watcher)) this.count -= 1;
    });
  }

  private tell(watcher: Watcher, change: Change): void {
    const seen = seenBy(watcher, change);
    if (seen !== undefined) this.show(watcher, seen.type, seen.object);
  }

  private show(watcher: Watcher, type: EventType, object: KubeObject): void {
    const options = {
      nowMs: this.clock.now(),
      includeObject: watcher.query.get('includeObject') ?? 'Metadata',
      withHead: !watcher.headSent,
    };
    watcher.headSent = true;
    this.send(watcher, type, shownObject(watcher.kind, object, watcher.asked, options));
  }

  private bookmark(watcher: Watcher, annotations?: Record<string, string>): void {
    if (!watcher.bookmarks && annotations === undefined) return;
    const { kind, asked } = watcher;
    const resourceVersion = String(this.store.revision);
    const metadata = { resourceVersion, ...(annotations === undefined ? {} : { annotations }) };
    const options = {
      nowMs: this.clock.now(),
      includeObject: 'None',
      withHead: !watcher.headSent,
      version: asked.version,
    };
    const shown =
      asked.form === 'table'
        ? table(kind, [], metadata, options)
        : {
            kind: asked.form === 'metadata' ? 'PartialObjectMetadata' : kind.kind,
            apiVersion: asked.form === 'metadata' ? `meta.k8s.io/${asked.version}` : apiVersionOf(kind),
            metadata: { ...metadata, creationTimestamp: null },
          };
    this.send(watcher, 'BOOKMARK', JSON.stringify(shown));
  }

  private send(watcher: Watcher, type: EventType, object: string): void {
    const { response } = watcher;
    if (response.destroyed || response.writableEnded) return;
    response.write(`{"type":"${type}","object":${object}}\n`);
    if (response.writableLength > limits.watcherBacklogBytesMax) response.destroy(); // W2
  }

  /** Tells every watcher that its version is too old, as a server does that has forgotten what came after it. */
  expire(): void {
    const refusal = JSON.stringify(expired('too old resource version').status());
    for (const watcher of [...this.watchers.values()].flatMap((group) => [...group])) {
      this.send(watcher, 'ERROR', refusal);
      watcher.response.end();
    }
  }

  /** Ends every watch. */
  stop(): void {
    for (const group of this.watchers.values()) for (const watcher of group) watcher.close();
  }
}

function isTrue(value: string | null): boolean {
  return value === 'true' || value === '1';
}
