/**
 * Gives `statecharts/worker-pool.ts` its hands: the manifest workers of this process, one set per life of the actor. Callers hold the
 * pool, not a life of it.
 */
import { fromPromise, type AnyActorLogic, type AnyActorRef } from 'xstate';
import { workerPoolMachine } from '../../statecharts/index.ts';
import { ManifestWorkers, type ManifestFile, type NotRead, type ReadManifests } from '../manifests/index.ts';
import type { Clock, Log, Metrics } from '../ports/index.ts';
import { guarded } from '../supervisor/index.ts';
import { tell } from './tell.ts';

export interface WorkerPoolDeps {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Threads at the most. */
  readonly threads: number;
  /** Threads of this process unless given. */
  readonly make?: MakeManifestWorkers | undefined;
}

/** Makes the workers of one life of the pool. */
export type MakeManifestWorkers = (
  deps: ConstructorParameters<typeof ManifestWorkers>[0],
) => Pick<ManifestWorkers, 'read' | 'check' | 'stop'>;

const inThreads: MakeManifestWorkers = (deps) => new ManifestWorkers(deps);

export class WorkerPool {
  readonly logic: AnyActorLogic;
  readonly #deps: WorkerPoolDeps;
  #workers: ReturnType<MakeManifestWorkers> | undefined;
  #actor: AnyActorRef | undefined;

  constructor(deps: WorkerPoolDeps) {
    this.#deps = deps;
    this.logic = this.#makeLogic();
  }

  /** Reads files to objects in a worker; see `ManifestWorkers.read`. */
  read(files: readonly ManifestFile[], signal: AbortSignal): Promise<ReadManifests | NotRead> {
    return this.#workers?.read(files, signal) ?? Promise.resolve(notRunning);
  }

  /** Only whether files can be read; see `ManifestWorkers.check`. */
  check(files: readonly ManifestFile[], signal: AbortSignal): Promise<ReadManifests | NotRead> {
    return this.#workers?.check(files, signal) ?? Promise.resolve(notRunning);
  }

  #makeLogic(): AnyActorLogic {
    return guarded(
      workerPoolMachine.provide({
        actors: {
          open: fromPromise(async ({ self, signal }) => {
            const { clock, metrics, threads, make = inThreads } = this.#deps;
            this.#actor = self._parent;
            const workers = make({
              clock,
              metrics,
              threads,
              tell: (event) => tell(this.#actor, event),
            });
            this.#workers = workers;
            const first = await workers.check([aManifest], signal);
            if (first.kind === 'unavailable') throw new Error(first.reason);
          }),
          close: fromPromise(async () => {
            const workers = this.#workers;
            this.#workers = undefined;
            await workers?.stop();
          }),
        },
        actions: {
          reportLoss: (_, { reason }) => this.#deps.log.warn('A manifest worker was lost', { reason }),
        },
      }),
    );
  }
}

const aManifest: ManifestFile = { name: 'first.yaml', bytes: Buffer.from('kind: List\nitems: []\n') };
const notRunning: NotRead = {
  kind: 'unavailable',
  cause: 'stopped',
  reason: 'the manifest workers are not running',
};
