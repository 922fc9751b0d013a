/**
 * Tests of charts, asked in a thread of this process and hence in milliseconds. A wrong that makes them hang is found too: the
 * thread is ended and another one goes on.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Finding, Question } from './jury-worker.ts';
import type { NamedBug } from './named-bug.ts';

/** Longer than all tests of a chart take, also on a busy machine. */
const hangMs = 20_000;

export class Jury {
  readonly #bug: NamedBug | undefined;
  #worker: Worker | undefined;

  /** With a bug, every question is about it. */
  constructor(bug?: NamedBug) {
    this.#bug = bug;
  }

  async ask(question: Question): Promise<Finding> {
    const worker = (this.#worker ??= new Worker(new URL('jury-worker.ts', import.meta.url), {
      stderr: true,
      workerData: { bug: this.#bug },
    }));
    const over = new AbortController();
    const { signal } = over;
    try {
      worker.postMessage(question);
      const finding = await Promise.race([
        once(worker, 'message', { signal }).then(([said]) => said as Finding),
        sleep(hangMs, { by: 'the tests hang' }, { signal }),
      ]);
      if (finding.by === 'the tests hang') await this.close();
      return finding;
    } catch (error) {
      // Of a timer or a promise that no test waits for.
      this.#worker = undefined;
      if (question.wrong === undefined && this.#bug === undefined) throw error;
      return { by: `an error that nobody caught: ${String(error)}` };
    } finally {
      over.abort();
    }
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}
