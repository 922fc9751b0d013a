/**
 * What reports have to do with the cluster: a Kubernetes Event on the inventory when the outcome of a project changes, and the last Event
 * of objects that fail, which often names the cause. One thing at a time, by `statecharts/work-queue.ts`.
 *
 * N1. The newest outcome of a project takes the place of one that still waits.
 * N2. The same outcome again is no new Event: a success is not written at all, others are counted in theirs, once a minute.
 * N3. Calls are a second apart. What the cluster does not allow is a line at level debug: nothing depends on it.
 */
import type { WorkOutcome } from '../../../statecharts/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import {
  eventType,
  failureText,
  isAbsent,
  textAt,
  type ClusterClient,
  type KubeObject,
} from '../kubernetes/index.ts';
import type { ObjectId } from '../gitops/object-id.ts';
import type { SyncResult } from '../gitops/sync.ts';
import { eventText, inventoryEvent, repeatedEvent } from './inventory-event.ts';
import { reportLimits } from './limits.ts';
import type { InventoryName } from './sync-reporter.ts';

export interface ClusterNotesDeps {
  readonly client: Pick<ClusterClient, 'create' | 'patch' | 'list'>;
  /** The last Event of an object that fails. */
  readonly onLastEvent: (project: string, id: ObjectId, text: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SyncNote {
  readonly project: string;
  readonly commitId: string;
  readonly result: Exclude<SyncResult, { readonly kind: 'cancelled' }>;
  readonly inventory: InventoryName | undefined;
  readonly failing: readonly ObjectId[];
}

/** The Event of a project's present outcome. */
interface Written {
  readonly outcome: string;
  name: string;
  count: number;
  atMs: number;
}

export class ClusterNotes {
  /** Told when there is work. */
  onWork: () => void = () => {};
  readonly #deps: ClusterNotesDeps;
  readonly #waiting = new Map<string, SyncNote>();
  readonly #written = new Map<string, Written>();
  #nextMs = 0;

  constructor(deps: ClusterNotesDeps) {
    this.#deps = deps;
  }

  add(note: SyncNote): void {
    if (this.#waiting.size >= reportLimits.projectsMax && !this.#waiting.has(note.project)) return;
    this.#waiting.set(note.project, note); // N1
    this.onWork();
  }

  /** Nothing more is known of projects that are not these. */
  keep(projects: ReadonlySet<string>): void {
    for (const known of [this.#waiting, this.#written]) {
      for (const id of known.keys()) if (!projects.has(id)) known.delete(id);
    }
  }

  async work(signal: AbortSignal): Promise<WorkOutcome> {
    const { clock } = this.#deps;
    const [note] = this.#waiting.values();
    if (note === undefined) return { kind: 'empty' };
    const waitMs = this.#nextMs - clock.monotonic();
    if (waitMs > 0) return { kind: 'later', waitMs }; // N3
    this.#waiting.delete(note.project);
    this.#nextMs = clock.monotonic() + reportLimits.noteMsMin;
    for (const id of note.failing.slice(0, reportLimits.lookedUpMax))
      await this.#lookUp(note.project, id, signal);
    if (note.inventory !== undefined) await this.#write(note, note.inventory, signal);
    return this.#waiting.size > 0 ? { kind: 'more' } : { kind: 'empty' };
  }

  async #lookUp(project: string, id: ObjectId, signal: AbortSignal): Promise<void> {
    const found = await this.#deps.client.list(eventType, {
      namespace: id.namespace === '' ? 'default' : id.namespace,
      fieldSelector: `involvedObject.kind=${id.kind},involvedObject.name=${id.name}`,
      limit: reportLimits.eventsPerObjectMax,
      deadlineMs: reportLimits.clusterCallMs,
      signal,
    });
    if (found.kind !== 'ok') return this.#failed('look for the Events of an object', failureText(found));
    const latest = found.value.items
      .filter((event) => textAt(event, 'involvedObject', 'name') === id.name)
      .toSorted((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1))
      .at(-1);
    if (latest === undefined) return;
    const text = `${textAt(latest, 'reason')}: ${textAt(latest, 'message')}`;
    this.#deps.onLastEvent(project, id, text);
  }

  async #write(note: SyncNote, inventory: InventoryName, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const text = eventText(note.project, note.commitId, note.result);
    const outcome = JSON.stringify([inventory, text]);
    const before = this.#written.get(note.project);
    const now = clock.monotonic();
    if (before?.outcome !== outcome) {
      const written = { outcome, name: '', count: 1, atMs: now };
      this.#written.set(note.project, written);
      return this.#create(inventory, text, written, signal);
    }
    if (note.result.kind === 'synced') return; // N2
    before.count += 1;
    if (now - before.atMs < reportLimits.repeatMsMin) return;
    before.atMs = now;
    if (before.name === '') return this.#create(inventory, text, before, signal);
    const patched = await this.#deps.client.patch(
      eventType,
      { namespace: inventory.namespace, name: before.name },
      repeatedEvent(before.count, clock.now()),
      { type: 'merge', signal, deadlineMs: reportLimits.clusterCallMs },
    );
    if (patched.kind === 'ok') return;
    if (isAbsent(patched)) return this.#create(inventory, text, before, signal); // it had expired
    this.#failed('write an Event', failureText(patched));
  }

  async #create(
    inventory: InventoryName,
    text: ReturnType<typeof eventText>,
    written: Written,
    signal: AbortSignal,
  ): Promise<void> {
    const event = inventoryEvent(inventory, text, written.count, this.#deps.clock.now());
    const options = { signal, deadlineMs: reportLimits.clusterCallMs };
    const made = await this.#deps.client.create(eventType, inventory.namespace, event, options);
    if (made.kind === 'ok') written.name = event.metadata.name;
    else this.#failed('write an Event', failureText(made));
  }

  #failed(what: string, reason: string): void {
    this.#deps.log.debug(`Failed to ${what}`, { reason });
  }
}

function timeOf(event: KubeObject): string {
  const series = textAt(event, 'series', 'lastObservedTime');
  const last = textAt(event, 'lastTimestamp');
  return series || last || textAt(event, 'eventTime') || textAt(event, 'firstTimestamp');
}
