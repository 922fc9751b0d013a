/** Tells what a run does, with the running totals the originals' event lines have (`spec/agentk.md §5.13`). */
import { harmless } from './told.ts';
import type { ObjectId } from './object-id.ts';
import type { ObjectOutcome, SyncEvent, SyncPhase } from './sync.ts';

type Action = 'Apply' | 'Prune' | 'Wait' | 'Inventory';

export class RunTeller {
  readonly #tell: (event: SyncEvent) => void;
  readonly #totals = new Map<Action, Map<ObjectOutcome, number>>();
  #phase: SyncPhase | undefined;

  constructor(tell: (event: SyncEvent) => void) {
    this.#tell = tell;
  }

  phase(phase: SyncPhase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#tell({ type: 'phase', phase });
  }

  started(action: Action): void {
    this.#tell({ type: 'group', action, status: 'Started', counts: undefined });
  }

  finished(action: Action): void {
    this.#tell({ type: 'group', action, status: 'Finished', counts: this.#counts(action) });
  }

  object(type: 'apply' | 'prune', id: ObjectId, status: ObjectOutcome, error?: string): void {
    this.#count(type === 'apply' ? 'Apply' : 'Prune', status);
    this.#tell({ type, id, status, error: error === undefined ? undefined : harmless(error) });
  }

  /** What a wait says of its objects, on its way. */
  readonly waiting = (event: SyncEvent): void => {
    if (event.type === 'status') this.#tell({ ...event, message: harmless(event.message) });
    else if (event.type === 'wait' && event.error !== undefined) {
      this.#tell({ ...event, error: harmless(event.error) });
    } else this.#tell(event);
  };

  /** How the wait for one object ended. */
  waited(status: ObjectOutcome): void {
    this.#count('Wait', status);
  }

  warn(reason: string): void {
    this.#tell({ type: 'warning', reason: harmless(reason) });
  }

  #count(action: Action, status: ObjectOutcome): void {
    const totals = this.#totals.get(action) ?? new Map<ObjectOutcome, number>();
    this.#totals.set(action, totals.set(status, (totals.get(status) ?? 0) + 1));
  }

  #counts(action: Action): Readonly<Record<string, number>> | undefined {
    if (action === 'Inventory') return undefined;
    const totals = this.#totals.get(action);
    const of = (status: ObjectOutcome) => totals?.get(status) ?? 0;
    const [successful, skipped, failed, timeout] = [
      of('Successful'),
      of('Skipped'),
      of('Failed'),
      of('Timeout'),
    ];
    const count = successful + skipped + failed + timeout;
    return { count, successful, skipped, failed, ...(action === 'Wait' && { timeout }) };
  }
}
