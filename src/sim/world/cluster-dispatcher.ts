/**
 * The way from one life of an agent to the API server of its cluster, in the place of undici's pool of connections.
 *
 * C1. A request that is given up by its agent is not worked on any more.
 * C2. A dead agent gets no answer; a watch of one ends.
 */
import { Dispatcher } from 'undici';
import {
  refusal,
  requestOfPath,
  type Answer,
  type ClusterJudge,
  type ClusterTrouble,
  type Work,
} from './cluster-work.ts';
import type { ManifestProject } from './manifest-project.ts';
import { OpenAnswer } from './open-answer.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** The cluster behind. */
export interface ClusterBackend {
  readonly agent: number;
  readonly judge: ClusterJudge;
  readonly project: ManifestProject | undefined;
  has(kind: ClusterTrouble): boolean;
  /** Leases, and what is not there. */
  answer(method: string, path: string, body: string, nowMs: number): Answer | undefined;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

const wayMs = { min: 0.2, max: 5 } as const;
const slowMeanMs = 3_000;
/** How many requests an API server turns away while it throttles, and for how long it asks to be left alone. */
const throttledShare = 0.7;
const retryAfterSecondsMax = 5;

export class ClusterDispatcher extends Dispatcher {
  running = 0;
  readonly #cluster: ClusterBackend;
  readonly #process: SimulatedProcess;
  readonly #life: number;

  constructor(cluster: ClusterBackend, process: SimulatedProcess, life: number) {
    super();
    this.#cluster = cluster;
    this.#process = process;
    this.#life = life;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const exchange = new ClusterExchange(
      this.#cluster,
      this.#process,
      this.#life,
      handler,
      () => this.running--,
    );
    this.running++;
    exchange.start(options);
    return true;
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }
  override destroy(): Promise<void> {
    return Promise.resolve();
  }
}

class ClusterExchange implements Dispatcher.DispatchController {
  aborted = false;
  paused = false;
  reason: Error | null = null;
  rawHeaders: string[] = [];
  rawTrailers: string[] = [];
  readonly #cluster: ClusterBackend;
  readonly #process: SimulatedProcess;
  readonly #life: number;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #over: () => void;
  #request: number | undefined;
  #stream: OpenAnswer | undefined;
  #done = false;
  #held: (() => void) | undefined;

  constructor(
    cluster: ClusterBackend,
    process: SimulatedProcess,
    life: number,
    handler: Dispatcher.DispatchHandler,
    over: () => void,
  ) {
    this.#cluster = cluster;
    this.#process = process;
    this.#life = life;
    this.#handler = handler;
    this.#over = over;
  }

  abort(reason: Error): void {
    if (this.#done) return;
    this.aborted = true;
    this.reason = reason;
    this.#finish();
    if (this.#request !== undefined) this.#cluster.judge.givenUp(this.#request); // C1
    this.#handler.onResponseError?.(this, reason);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    const held = this.#held;
    this.#held = undefined;
    held?.();
    this.#stream?.pump();
  }

  start({ method, path, body, headers }: Dispatcher.DispatchOptions): void {
    this.#handler.onRequestStart?.(this, {});
    if (this.#done) return;
    this.#cluster.project?.asked(method, path);
    const contentType = headerOf(headers, 'content-type');
    readBody(body, (text) =>
      this.#after(this.#wayMs(), () => this.#arrive({ method, path, contentType, body: text })),
    );
  }

  #arrive(asked: Asked): void {
    const cluster = this.#cluster;
    if (cluster.has('refuses')) {
      return this.#fail(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    }
    const request = requestOfPath(asked.path);
    const work = cluster.judge.work(request);
    if (work === undefined) return this.#answer(asked);
    this.#request = request;
    cluster.judge.arrived(request, cluster.agent, this.#life);
    this.#after(work.thinkMs, () => {
      this.#head(200);
      this.#workOn(work, work.chunks);
    });
  }

  #answer({ method, path, contentType, body }: Asked): void {
    const cluster = this.#cluster;
    const { ways, kernel } = this.#process;
    if (cluster.has('fails')) return this.#reply(refusal(500, 'InternalError'));
    if (cluster.has('throttles') && ways.chance(throttledShare)) {
      const seconds = 1 + ways.below(retryAfterSecondsMax);
      return this.#reply(refusal(429, 'TooManyRequests'), { 'retry-after': String(seconds) });
    }
    const known = cluster.answer(method, path, body, kernel.nowMs);
    if (known !== undefined) return this.#reply(known);
    if (cluster.project === undefined) return this.#reply(refusal(404, 'NotFound'));
    const stream = new OpenAnswer(kernel, () => this.#wayMs(), {
      gone: () => this.#done || !this.#process.alive,
      paused: () => this.paused,
      head: (status) => this.#head(status),
      data: (text) => this.#handler.onResponseData?.(this, Buffer.from(text)),
      end: () => this.#end(),
      fail: (error) => this.#fail(error),
    });
    this.#stream = stream;
    void cluster.project.kubernetes.ask({ method, path, contentType, body }, stream).then((reply) => {
      if (reply !== undefined) this.#reply(reply);
    });
  }

  #reply({ status, text }: Answer, headers: Readonly<Record<string, string>> = {}): void {
    this.#after(this.#wayMs(), () => {
      this.#head(status, headers);
      this.#handler.onResponseData?.(this, Buffer.from(text));
      this.#end();
    });
  }

  #workOn(work: Work, left: number): void {
    if (this.paused) {
      this.#held = () => this.#workOn(work, left);
      return;
    }
    if (left === 0) {
      this.#cluster.judge.finished(work.request, this.#cluster.agent);
      return this.#end();
    }
    const text = `agent=${this.#cluster.agent} request=${work.request} chunk=${work.chunks - left}\n`;
    this.#handler.onResponseData?.(this, Buffer.from(text));
    this.#after(work.streamMs / work.chunks, () => this.#workOn(work, left - 1));
  }

  #head(status: number, more: Readonly<Record<string, string>> = {}): void {
    this.rawHeaders = ['Content-Type', 'application/json'];
    const headers = { 'content-type': 'application/json', ...more };
    this.#handler.onResponseStart?.(this, status, headers, 'OK');
  }

  #end(): void {
    this.#finish();
    this.#handler.onResponseEnd?.(this, {});
  }

  #fail(error: Error): void {
    this.#finish();
    this.#handler.onResponseError?.(this, error);
  }

  #finish(): void {
    this.#done = true;
    this.#stream?.close();
    this.#over();
  }

  #wayMs(): number {
    const { ways } = this.#process;
    return ways.between(wayMs.min, wayMs.max) + (this.#cluster.has('slow') ? ways.around(slowMeanMs) : 0);
  }

  #after(ms: number, run: () => void): void {
    this.#process.kernel.at(ms, () => {
      if (!this.#done && this.#process.alive) run(); // C2
    });
  }
}

function readBody(body: Dispatcher.DispatchOptions['body'], done: (text: string) => void): void {
  if (typeof body === 'string') return done(body);
  if (typeof body !== 'object' || body === null || !('on' in body)) return done('');
  const chunks: Buffer[] = [];
  body.on('data', (chunk: Buffer) => chunks.push(chunk));
  body.on('end', () => done(Buffer.concat(chunks).toString()));
}

/** Of a flat list of names and values, which is how agentk gives them. */
function headerOf(headers: Dispatcher.DispatchOptions['headers'], name: string): string {
  if (!Array.isArray(headers)) return '';
  const at = headers.findIndex((word, index) => index % 2 === 0 && word === name);
  return at < 0 ? '' : String(headers[at + 1]);
}
