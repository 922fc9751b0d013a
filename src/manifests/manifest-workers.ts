/**
 * The worker threads that read manifests. Reading is CPU work of up to seconds; on the main thread it would stop every
 * tunnel. A set of files is cut into tasks of bounded size, so that it spreads over the threads and each answer is small.
 *
 * 1. A task has a deadline and a heap. One that breaks either loses its worker, not the pool: the others go on, and the
 *    next task gets a new worker.
 * 2. The queue is bounded; a set that finds it full is refused as busy, never half read.
 * 3. Files are copied to the worker, answers change hands: the caller keeps its bytes.
 */
import { extname } from 'node:path';
import { Piscina } from 'piscina';
import type { Clock, Counter, Metrics } from '../ports/index.ts';
import { manifestLimits } from './limits.ts';
import type { ManifestFile, ReadManifests } from './manifest.ts';
import { JoinedManifests } from './read-manifests.ts';
import type { WorkerInput } from './worker.input.ts';
import type { WorkerOutput } from './worker.output.ts';

/** Why a set could not be read, though nothing is known to be wrong with it. */
export interface NotRead {
  readonly kind: 'unavailable';
  readonly cause: 'busy' | 'stopped' | 'tooSlow' | 'tooBig' | 'crashed';
  readonly reason: string;
}

export interface ManifestWorkersDeps {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Threads at the most; 0 of them run while nothing is read. */
  readonly threads: number;
  /** Hears how full the queue is, and of workers that were lost. */
  readonly tell?: (
    event:
      | { readonly type: 'queue.filled' | 'queue.eased' }
      | { readonly type: 'worker.lost'; readonly reason: string },
  ) => void;
}

export class ManifestWorkers {
  readonly #deps: ManifestWorkersDeps;
  readonly #pool: Piscina<WorkerInput, WorkerOutput>;
  readonly #tasks: Counter;
  #stopped = false;
  #full = false;

  constructor(deps: ManifestWorkersDeps) {
    this.#deps = deps;
    this.#pool = new Piscina<WorkerInput, WorkerOutput>({
      filename: new URL(`./manifests.thread${extname(import.meta.filename)}`, import.meta.url).href,
      name: 'readTask',
      minThreads: 0,
      maxThreads: deps.threads,
      idleTimeout: manifestLimits.idleMs,
      maxQueue: manifestLimits.queueMax,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      resourceLimits: { maxOldGenerationSizeMb: manifestLimits.workerHeapMiBMax },
    });
    this.#tasks = deps.metrics.counter({
      name: 'manifest_tasks_total',
      help: 'Tasks of the manifest workers by outcome.',
      labelNames: ['outcome'],
    });
    deps.metrics.observed(
      { name: 'manifest_tasks_waiting', help: 'Tasks that wait for a manifest worker.' },
      () => this.waiting,
    );
  }

  /** Tasks waiting for a worker, of `manifestLimits.queueMax`. */
  get waiting(): number {
    return this.#pool.queueSize;
  }

  /**
   * Reads a set of files to objects in the files' order. Rejects only with the signal's reason.
   */
  read(files: readonly ManifestFile[], signal: AbortSignal): Promise<ReadManifests | NotRead> {
    return this.#set(files, true, signal);
  }

  /** The same verdict without the objects: for who only passes the files on. */
  check(files: readonly ManifestFile[], signal: AbortSignal): Promise<ReadManifests | NotRead> {
    return this.#set(files, false, signal);
  }

  /** Ends all threads; what is being read is answered as stopped. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#pool.destroy();
  }

  async #set(
    files: readonly ManifestFile[],
    wantObjects: boolean,
    signal: AbortSignal,
  ): Promise<ReadManifests | NotRead> {
    signal.throwIfAborted();
    const batches = [...batchesOf(files)];
    if (this.waiting + batches.length > manifestLimits.queueMax) {
      if (!this.#full) this.#deps.tell?.({ type: 'queue.filled' });
      this.#full = true;
      return this.#notRead('busy'); // 2
    }
    // Not by AbortSignal.any: the caller's signal may live as long as the process, and would keep a trace of every set.
    const rest = new AbortController();
    const cancel = () => rest.abort(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    const answers = batches.map((batch) => this.#task({ files: batch, wantObjects }, rest.signal));
    const joined = new JoinedManifests();
    try {
      for (const answer of answers) {
        const output = await answer;
        if (output.kind === 'unavailable') return output;
        add(joined, output);
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      rest.abort();
      await Promise.allSettled(answers);
    }
    return joined.result();
  }

  async #task(input: WorkerInput, signal: AbortSignal): Promise<WorkerOutput | NotRead> {
    const { clock } = this.#deps;
    const late = new AbortController();
    const timer = clock.setTimeout(() => late.abort(), manifestLimits.taskMsMax);
    try {
      const output = await this.#pool.run(input, { signal: AbortSignal.any([signal, late.signal]) });
      this.#tasks.inc({ outcome: output.kind });
      return output;
    } catch (error) {
      if (late.signal.aborted) return this.#notRead('tooSlow');
      signal.throwIfAborted();
      if (this.#stopped) return this.#notRead('stopped');
      const { code = '', message = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
      if (code === 'ERR_WORKER_OUT_OF_MEMORY') return this.#notRead('tooBig');
      return /queue/i.test(message) ? this.#notRead('busy') : this.#notRead('crashed');
    } finally {
      clock.clearTimeout(timer);
      if (this.#full && this.waiting <= manifestLimits.queueMax / 2) {
        this.#full = false;
        this.#deps.tell?.({ type: 'queue.eased' });
      }
    }
  }

  #notRead(cause: NotRead['cause']): NotRead {
    this.#tasks.inc({ outcome: cause });
    const reasons: Readonly<Record<NotRead['cause'], string>> = {
      busy: `more than ${manifestLimits.queueMax} reading tasks are waiting`,
      stopped: 'the manifest workers have stopped',
      tooSlow: `reading the manifests took longer than ${manifestLimits.taskMsMax / 1000} s`,
      tooBig: `reading the manifests needed more than ${manifestLimits.workerHeapMiBMax} MiB of memory`,
      crashed: 'the worker that read the manifests broke',
    };
    const reason = reasons[cause];
    if (cause === 'tooSlow' || cause === 'tooBig' || cause === 'crashed') {
      this.#deps.tell?.({ type: 'worker.lost', reason });
    }
    return { kind: 'unavailable', cause, reason };
  }
}

/** Runs of files of about `taskBytesMax` together. */
function* batchesOf(files: readonly ManifestFile[]): Generator<readonly ManifestFile[]> {
  let batch: ManifestFile[] = [];
  let bytes = 0;
  for (const file of files) {
    if (batch.length > 0 && bytes + file.bytes.length > manifestLimits.taskBytesMax) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.bytes.length;
  }
  if (batch.length > 0) yield batch;
}

function add(joined: JoinedManifests, output: WorkerOutput): void {
  if (output.kind === 'invalid') {
    joined.add([], output.faults, [], output.moreFaults);
    return;
  }
  const json = new Uint8Array(output.json);
  joined.add(
    output.packed.map(({ from, to, ...manifest }) => ({ ...manifest, json: json.subarray(from, to) })),
    [],
    output.warnings,
    0,
  );
}
