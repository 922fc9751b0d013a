/** Those who watch something told as a whole: each look is made once for all of its readers, and told when it differs. */
import { eventFrame, type EventStream } from '../../inspect/index.ts';
import type { Clock } from '../../ports/index.ts';
import { dashboardLimits } from './limits.ts';
import { viewNames, type ViewName } from './wire.ts';

interface Look {
  readonly readers: Set<EventStream>;
  /** Without its time. */
  text: string;
  lookedAt: number;
  toldAt: number;
}

export class ViewReaders {
  readonly #views: Readonly<Record<ViewName, () => object>>;
  readonly #clock: Clock;
  readonly #looks: Readonly<Record<ViewName, Look>> = {
    requests: noLook(),
    supervisors: noLook(),
    pollers: noLook(),
  };

  constructor(views: Readonly<Record<ViewName, () => object>>, clock: Clock) {
    this.#views = views;
    this.#clock = clock;
  }

  get size(): number {
    return viewNames.reduce((sum, name) => sum + this.#looks[name].readers.size, 0);
  }

  add(stream: EventStream, name: ViewName): void {
    stream.send(eventFrame('view', this.#views[name]()));
    this.#looks[name].readers.add(stream);
  }

  /** Whether it was one of them. */
  delete(stream: EventStream): boolean {
    return viewNames.some((name) => this.#looks[name].readers.delete(stream));
  }

  /** Called at each beat. */
  tell(): void {
    const now = this.#clock.now();
    for (const name of viewNames) {
      const look = this.#looks[name];
      if (look.readers.size > 0 && now - look.lookedAt >= dashboardLimits.viewMs) this.#tell(name, look, now);
    }
  }

  end(): void {
    for (const name of viewNames) for (const stream of this.#looks[name].readers) stream.end();
  }

  #tell(name: ViewName, look: Look, now: number): void {
    look.lookedAt = now;
    const view = this.#views[name]();
    const text = JSON.stringify({ ...view, now: 0 });
    const isNews = text !== look.text;
    if (!isNews && now - look.toldAt < dashboardLimits.heartbeatMs) {
      this.#restart(look, view);
      return;
    }
    look.text = text;
    look.toldAt = now;
    const frame = isNews ? eventFrame('view', view) : eventFrame('beat', { now });
    for (const stream of look.readers) if (!stream.behind) stream.send(frame);
    this.#restart(look, view);
  }

  /** Slow readers get a whole one when they can take it. */
  #restart({ readers }: Look, view: object): void {
    for (const stream of readers) if (stream.behind) stream.restart(() => eventFrame('view', view));
  }
}

function noLook(): Look {
  return { readers: new Set(), text: '', lookedAt: 0, toldAt: 0 };
}
