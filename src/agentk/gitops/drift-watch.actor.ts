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

/** Looks after the objects of one manifest project while it rests. */
export class DriftWatch {
  readonly #deps: WatchDeps;
  readonly #troubles = new OncePerChange();
  #lives = 0;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** Ends with the first drift (and what comes soon after it), or when the signal aborts. */
  async look(managed: readonly ManagedObject[], signal: AbortSignal): Promise<Drift> {
    if (signal.aborted) return { kind: 'stopped' };
    this.#lives += 1;
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
          if (hasDrifted(item, live)) {
            drifted.add(item);
            tell();
          }
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
