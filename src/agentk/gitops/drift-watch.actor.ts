/** Looking for drift: `statecharts/drift-watch.ts` with real watches. */
import { fromPromise, type AnyActorRef } from 'xstate';
import { guarded, watch, type Exit } from '../../supervisor/index.ts';
import { driftWatchMachine, type DriftWatchOutput } from '../../../statecharts/index.ts';
import type { KubeObject } from '../kubernetes/index.ts';
import { OncePerChange } from '../once-per-change.ts';
import { onlyOwnership, ownedFields } from './fields.ts';
import { gitopsLimits } from './limits.ts';
import type { ManagedObject } from './managed-object.ts';
import { idText, type ObjectId } from './object-id.ts';
import { ObjectWatches, type WatchDeps } from './object-watches.ts';

export type Drift =
  /** `ids` are the first of `count`. */
  | { readonly kind: 'drifted'; readonly ids: readonly ObjectId[]; readonly count: number }
  | { readonly kind: 'stopped' };

/** When an object that drifts again and again is told of. */
const fightsTold = 3;

/** Looks after the objects of one manifest project while it rests. */
export class DriftWatch {
  readonly #deps: WatchDeps;
  readonly #troubles = new OncePerChange();
  /** How often objects drifted, by key. */
  readonly #fights = new Map<string, { readonly times: number; readonly lastMs: number }>();
  #lives = 0;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** Ends with the first drift (and what comes soon after it), or when the signal aborts. */
  async look(managed: readonly ManagedObject[], signal: AbortSignal): Promise<Drift> {
    if (signal.aborted) return { kind: 'stopped' };
    this.#lives += 1;
    this.#forgetCalm();
    const id = `${this.#deps.name}:drift-${this.#lives}`;
    const drifted = new Set<ManagedObject>();
    let ref: AnyActorRef | undefined;
    const look = (ended: AbortSignal) => {
      const watches = this.#watches(id, drifted, () => ref?.send({ type: 'object.drifted' }));
      ended.addEventListener('abort', () => watches.close(), { once: true });
      watches.open(managed);
      return new Promise<void>(() => {});
    };
    const actors = { watchObjects: fromPromise<void>(({ signal: ended }) => look(ended)) };
    const logic = guarded(driftWatchMachine.provide({ actors }));
    const started = this.#deps.supervisor.startChild({ id, logic, restart: 'temporary' });
    if (started.kind === 'refused') return this.#blind(started.reason, signal);
    ref = started.ref;
    const stop = () => started.ref.send({ type: 'stop.requested' });
    signal.addEventListener('abort', stop, { once: true });
    const exit = await new Promise<Exit>((resolve) => watch(started.ref, resolve));
    signal.removeEventListener('abort', stop);
    if (exit.kind === 'crashed') throw exit.error;
    const found = exit.kind === 'normal' && (exit.output as DriftWatchOutput).kind === 'drifted';
    if (!found) return { kind: 'stopped' };
    const ids = [...drifted].slice(0, gitopsLimits.toldMax).map((each) => each.id);
    return { kind: 'drifted', ids, count: drifted.size };
  }

  #watches(name: string, drifted: Set<ManagedObject>, tell: () => void): ObjectWatches<ManagedObject> {
    return new ObjectWatches<ManagedObject>(
      { ...this.#deps, name },
      {
        saw: (item, live) => {
          if (!hasDrifted(item, live) || drifted.has(item) || this.#pauses(item)) return;
          drifted.add(item);
          this.#count(item);
          tell();
        },
        lostSight: (item, reason) => {
          if (this.#troubles.changed(reason) === undefined) return;
          const fields = { object: idText(item.id), reason };
          this.#deps.log.warn('Drift cannot be seen here, only mended by the next synchronization', fields);
        },
        awaits: () => true,
        keep: onlyOwnership,
        onQuiet: () => {},
      },
    );
  }

  /** Somebody keeps changing it: at once is soon enough a few times, then the next synchronisation in its own time is. */
  #pauses({ key }: ManagedObject): boolean {
    const fight = this.#fights.get(key);
    if (fight === undefined) return false;
    const { driftPauseInitMs, driftPauseFactor, driftPauseMsMax } = gitopsLimits;
    const pauseMs = Math.min(driftPauseInitMs * driftPauseFactor ** (fight.times - 1), driftPauseMsMax);
    return this.#deps.clock.monotonic() - fight.lastMs < pauseMs;
  }

  #forgetCalm(): void {
    const now = this.#deps.clock.monotonic();
    for (const [key, { lastMs }] of this.#fights) {
      if (now - lastMs > gitopsLimits.driftCalmMs) this.#fights.delete(key);
    }
  }

  #count({ key, id }: ManagedObject): void {
    const now = this.#deps.clock.monotonic();
    const times = Math.min((this.#fights.get(key)?.times ?? 0) + 1, 20);
    this.#fights.set(key, { times, lastMs: now });
    if (times !== fightsTold) return;
    const fields = { object: idText(id), times };
    this.#deps.log.warn(
      'Somebody keeps changing an object of a manifest project, it is mended less often',
      fields,
    );
  }

  /** Without watches drift is mended by the next synchronisation, later. */
  #blind(reason: string, signal: AbortSignal): Promise<Drift> {
    this.#deps.log.warn('Drift cannot be looked for', { reason });
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve({ kind: 'stopped' }), { once: true });
    });
  }
}

function hasDrifted({ uid, fields }: ManagedObject, live: KubeObject | undefined): boolean {
  if (live === undefined || live.metadata.uid !== uid) return true;
  return fields !== '' && ownedFields(live) !== fields;
}
