/**
 * Gives `statecharts/live-feed.ts` its hands: who watches, and the frames they get. State is told, not events: however
 * often an agent moved within a beat, its reader gets where it is now.
 *
 * W1. A reader that comes back with the id of a frame we still have gets the frames after it; else a snapshot.
 * W2. A slow reader is skipped and gets a snapshot when it can take one; it slows nobody else and costs a bounded buffer.
 * W3. There is a frame at least each `heartbeatMs`, so that a reader knows whether what it shows is still true.
 * W4. What is told as a whole (requests, supervisors, pollers) is made once per look for all its readers, and told when it
 *     differs from what they have (`view-readers.ts`).
 */
import type { ServerResponse } from 'node:http';
import type { AnyActorLogic } from 'xstate';
import { liveFeedMachine } from '../../../statecharts/index.ts';
import { eventFrame, EventStream } from '../../inspect/index.ts';
import type { Clock } from '../../ports/index.ts';
import { guarded, type Registry } from '../../supervisor/index.ts';
import { DetailReader, type DetailDeps } from './agent-detail.ts';
import type { Fleet, Row } from './fleet.ts';
import type { NewsLog, NewsQuery } from './news-log.ts';
import { NewsReader } from './news-reader.ts';
import { dashboardLimits } from './limits.ts';
import { ViewReaders } from './view-readers.ts';
import type { DeltaFrame, SnapshotFrame, ViewName } from './wire.ts';

export interface LiveFeedDeps {
  readonly fleet: Fleet;
  readonly detail: DetailDeps;
  readonly news: NewsLog;
  readonly clock: Clock;
  readonly views: Readonly<Record<ViewName, () => object>>;
  /** Where the actor of the present life is found, by `liveFeedName`. */
  readonly registry: Registry;
}

export const liveFeedName = 'dashboard-feed';

interface Frame {
  readonly sequence: number;
  readonly text: string;
}

export class LiveFeed {
  readonly logic: AnyActorLogic;
  readonly #deps: LiveFeedDeps;
  /** Tells frames of this life of kas from those of an earlier one. */
  readonly #epoch: number;
  readonly #fleetReaders = new Set<EventStream>();
  readonly #detailReaders = new Map<EventStream, DetailReader>();
  readonly #viewReaders: ViewReaders;
  readonly #newsReaders = new Map<EventStream, NewsReader>();
  readonly #frames: Frame[] = [];
  #sequence = 0;
  #toldAt = 0;

  constructor(deps: LiveFeedDeps) {
    this.#deps = deps;
    this.#epoch = deps.news.epoch;
    this.#viewReaders = new ViewReaders(deps.views, deps.clock);
    this.logic = guarded(
      liveFeedMachine.provide({
        actions: {
          tell: () => this.#tell(),
          dismissWatchers: () => this.dismiss(),
        },
      }),
    );
  }

  get watchers(): number {
    const { size } = this.#fleetReaders;
    return size + this.#detailReaders.size + this.#viewReaders.size + this.#newsReaders.size;
  }

  watchFleet(response: ServerResponse, lastEventId: string | undefined): void {
    const stream: EventStream = new EventStream(response, () =>
      this.#left(this.#fleetReaders.delete(stream)),
    );
    const missed = this.#after(lastEventId);
    if (missed === undefined) stream.send(this.#snapshot());
    else for (const { text } of missed) stream.send(text);
    this.#fleetReaders.add(stream);
    this.#joined();
  }

  watchAgent(response: ServerResponse, row: Row): void {
    const stream: EventStream = new EventStream(response, () =>
      this.#left(this.#detailReaders.delete(stream)),
    );
    const reader = new DetailReader(this.#deps.detail, row);
    stream.send(eventFrame('full', reader.full()));
    this.#detailReaders.set(stream, reader);
    this.#joined();
  }

  watchView(response: ServerResponse, name: ViewName): void {
    const stream: EventStream = new EventStream(response, () => this.#left(this.#viewReaders.delete(stream)));
    this.#viewReaders.add(stream, name);
    this.#joined();
  }

  watchNews(response: ServerResponse, query: NewsQuery, lastEventId: string | undefined): void {
    const stream: EventStream = new EventStream(response, () => this.#left(this.#newsReaders.delete(stream)));
    const { news, clock } = this.#deps;
    const reader = new NewsReader(news, clock, query, lastEventId);
    reader.begin(stream);
    this.#newsReaders.set(stream, reader);
    this.#joined();
  }

  /** Ends all streams: their readers come again, elsewhere if need be. */
  dismiss(): void {
    const streams = [this.#fleetReaders, this.#detailReaders.keys(), this.#newsReaders.keys()];
    for (const stream of streams.flatMap((some) => [...some])) stream.end();
    this.#viewReaders.end();
  }

  #joined(): void {
    this.#deps.registry.whereis(liveFeedName)?.send({ type: 'watcher.joined' });
  }

  #left(counted: boolean): void {
    if (counted && this.watchers === 0)
      this.#deps.registry.whereis(liveFeedName)?.send({ type: 'watchers.gone' });
  }

  #tell(): void {
    const { fleet, clock } = this.#deps;
    const now = clock.now();
    const changed = fleet.takeChanges();
    const isDue = now - this.#toldAt >= dashboardLimits.heartbeatMs;
    if (changed.changes.length > 0 || changed.revision !== changed.since || isDue) {
      const frame: DeltaFrame = { sequence: ++this.#sequence, at: (this.#toldAt = now), ...changed };
      this.#keep(eventFrame('delta', frame, `${this.#epoch}-${frame.sequence}`));
    }
    this.#viewReaders.tell();
    for (const [stream, reader] of this.#newsReaders) reader.tell(stream);
    for (const [stream, reader] of this.#detailReaders) {
      if (stream.behind) {
        stream.restart(() => eventFrame('full', reader.full()));
        continue;
      }
      const news = reader.next();
      if (news?.kind === 'full') stream.send(eventFrame('full', news.detail));
      else if (news !== undefined) stream.send(eventFrame('step', news.frame));
      else if (isDue) stream.send(eventFrame('beat', { now }));
    }
  }

  #keep(text: string): void {
    this.#frames.push({ sequence: this.#sequence, text });
    if (this.#frames.length > dashboardLimits.framesMax) this.#frames.shift();
    for (const stream of this.#fleetReaders) {
      if (stream.behind) stream.restart(() => this.#snapshot()); // W2
      else stream.send(text);
    }
  }

  /** W1: undefined when the frames after that one are not all here. */
  #after(lastEventId: string | undefined): readonly Frame[] | undefined {
    const [epoch, sequence] = (lastEventId ?? '').split('-').map(Number);
    if (epoch !== this.#epoch || sequence === undefined || !(sequence <= this.#sequence)) return undefined;
    const oldest = this.#frames[0]?.sequence ?? this.#sequence + 1;
    if (sequence + 1 < oldest) return undefined;
    return this.#frames.filter((frame) => frame.sequence > sequence);
  }

  #snapshot(): string {
    const { fleet, clock } = this.#deps;
    const frame: SnapshotFrame = {
      sequence: this.#sequence,
      revision: fleet.revision,
      at: clock.now(),
      states: fleet.states(),
    };
    return eventFrame('snapshot', frame, `${this.#epoch}-${this.#sequence}`);
  }
}
