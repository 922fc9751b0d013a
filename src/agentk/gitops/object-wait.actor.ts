/** The wait actor: `statecharts/object-wait.ts` with real watches. One logic per wait, because what it waits for is its own. */
import { fromPromise } from 'xstate';
import { guarded, watch, type Exit } from '../../supervisor/index.ts';
import { objectWaitMachine, objectWaitPauseMs, type ObjectWaitOutput } from '../../../statecharts/index.ts';
import { withoutManagedFields } from '../kubernetes/informer/index.ts';
import { isAbsent, type ResourceType } from '../kubernetes/index.ts';
import type { ObjectStatus } from './kstatus.ts';
import { ObjectWatches, type WatchDeps } from './object-watches.ts';
import { PodsStatus } from './pods-status.ts';
import type { Awaited, Reconciliation } from './reconciliation.ts';

export interface Wait {
  /** Unique among the waits of this name. */
  readonly id: string;
  readonly reconciliation: Reconciliation;
  /** Kinds that were defined just now; they must be served before it goes on. */
  readonly newKinds: readonly ResourceType[];
  /** 0 is without limit. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Waits until the reconciliation is settled, the time is up, or the signal aborts. */
export async function awaitObjects(deps: WatchDeps, wait: Wait): Promise<ObjectWaitOutput['kind']> {
  const { reconciliation, newKinds, timeoutMs, signal } = wait;
  if (signal.aborted) return 'cancelled';
  if (reconciliation.settled && newKinds.length === 0) return 'settled';
  const id = `${deps.name}:${wait.id}`;
  const started = deps.supervisor.startChild({
    id,
    logic: logicOf({ ...deps, name: id }, wait),
    input: { timeoutMs },
    restart: 'temporary',
  });
  if (started.kind === 'refused') {
    for (const { key } of reconciliation.pending()) reconciliation.fail(key, 'it cannot be waited for now');
    return 'settled';
  }
  const { ref } = started;
  const stop = () => ref.send({ type: 'stop.requested' });
  signal.addEventListener('abort', stop, { once: true });
  const exit = await new Promise<Exit>((resolve) => watch(ref, resolve));
  signal.removeEventListener('abort', stop);
  if (exit.kind === 'crashed') throw exit.error;
  return exit.kind === 'normal' ? (exit.output as ObjectWaitOutput).kind : 'cancelled';
}

function logicOf(deps: WatchDeps, { reconciliation, newKinds }: Wait) {
  const { client, random, clock } = deps;
  const watchObjects = (signal: AbortSignal) =>
    new Promise<boolean>((resolve) => {
      const pods = new PodsStatus(client, signal);
      const now = () => clock.now();
      const watches = new ObjectWatches<Awaited>(deps, {
        saw: (item, live) => {
          const later = (status: ObjectStatus) => {
            reconciliation.observe(item.key, live, now(), status);
            watches.judged(item);
          };
          const asks = reconciliation.goal === 'Current' && pods.judge(item.key, live, now, later);
          if (!asks) reconciliation.observe(item.key, live, now());
        },
        lostSight: (item, reason) => reconciliation.fail(item.key, reason),
        awaits: (item) => reconciliation.awaits(item.key),
        keep: withoutManagedFields,
        onQuiet: () => {
          if (reconciliation.settled) resolve(newKinds.length > 0);
        },
      });
      signal.addEventListener('abort', () => watches.close(), { once: true });
      watches.open(reconciliation.pending());
    });
  const askKinds = async (signal: AbortSignal): Promise<boolean> => {
    for (const type of newKinds) {
      const listed = await client.list(type, { limit: 1, signal });
      if (listed.kind !== 'ok' && (isAbsent(listed) || listed.kind === 'unreachable')) return false;
    }
    return true;
  };
  return guarded(
    objectWaitMachine.provide({
      actors: {
        watchObjects: fromPromise(({ signal }) => watchObjects(signal)),
        askKinds: fromPromise(({ signal }) => askKinds(signal)),
      },
      delays: { pause: ({ context }) => objectWaitPauseMs(context.questions) * (0.5 + random.next() / 2) },
    }),
  );
}
