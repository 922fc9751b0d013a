/**
 * The API server of one agent's cluster, where undici's dispatcher would reach it. It serves the work of the plan's
 * requests and knows of each what became of it; the rest of the API is an empty cluster with Leases.
 *
 * C1. A request that is given up by its agent is not worked on any more.
 */
import { Dispatcher } from 'undici';
import type { ApiServer } from '../../agentk/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** What a request asks the cluster to do. */
export interface Work {
  readonly request: number;
  /** Before the first byte of the answer. */
  readonly thinkMs: number;
  /** From the first byte to the last. */
  readonly streamMs: number;
  readonly chunks: number;
}

/** Who watches over requests. */
export interface ClusterJudge {
  arrived(request: number, agent: number, life: number): void;
  finished(request: number, agent: number): void;
  givenUp(request: number): void;
  /** What the path of a request asks for. */
  work(request: number): Work | undefined;
}

export const clusterTroubles = ['refuses', 'fails', 'slow'] as const;
export type ClusterTrouble = (typeof clusterTroubles)[number];

interface Lease {
  version: number;
  body: Record<string, unknown>;
}

export const workPath = (request: number): string => `/api/v1/namespaces/work/${request}`;
const workOfPath = /^\/api\/v1\/namespaces\/work\/(\d+)/;
const leasePath = /^\/apis\/coordination\.k8s\.io\/v1\/namespaces\/[^/]+\/leases(?:\/([^/?]+))?/;
const wayMs = { min: 0.2, max: 5 } as const;
const slowMeanMs = 3_000;

/** What a cluster keeps while its agents come and go. */
export class SimulatedCluster {
  readonly agent: number;
  readonly judge: ClusterJudge;
  readonly #leases = new Map<string, Lease>();
  readonly #troubles = new Map<ClusterTrouble, number>();

  readonly #led: boolean;

  /** @param led another replica holds every Lease, and renews it */
  constructor(agent: number, judge: ClusterJudge, led: boolean) {
    this.agent = agent;
    this.judge = judge;
    this.#led = led;
  }

  trouble(kind: ClusterTrouble): () => void {
    this.#troubles.set(kind, (this.#troubles.get(kind) ?? 0) + 1);
    return () => void this.#troubles.set(kind, (this.#troubles.get(kind) ?? 1) - 1);
  }

  has(kind: ClusterTrouble): boolean {
    return (this.#troubles.get(kind) ?? 0) > 0;
  }

  /** The cluster as one life of its agent reaches it. */
  serverOf(process: SimulatedProcess, life: number): ApiServer {
    const dispatcher = new ClusterDispatcher(this, process, life);
    return {
      target: {
        origin: 'http://cluster.simulated',
        basePath: '',
        dispatcher,
        authorization: () => 'Bearer simulated',
      },
      version: (signal) =>
        process.ask<ReturnType<typeof version>>(
          { there: process.ways.between(wayMs.min, wayMs.max), back: 0 },
          () => (this.has('fails') || this.has('refuses') ? undefined : version()),
          { signal, given: () => undefined },
        ),
      load: () => ({ running: dispatcher.running, waiting: 0 }),
      close: () => Promise.resolve(),
    };
  }

  /** Everything but the plan's work. */
  answer(method: string, path: string, body: string, nowMs: number): Answer {
    const lease = leasePath.exec(path);
    if (lease === null) return notFound;
    if (this.#led) return method === 'GET' ? heldByAnother(nowMs) : conflict;
    const given = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
    const metadata = (given['metadata'] ?? {}) as Record<string, unknown>;
    const name = lease[1] ?? (typeof metadata['name'] === 'string' ? metadata['name'] : '');
    const known = this.#leases.get(name);
    if (method === 'GET') return known === undefined ? notFound : shown(known);
    if (method === 'POST' && known !== undefined) return conflict;
    if (method === 'PUT') {
      if (known === undefined) return notFound;
      if (metadata['resourceVersion'] !== String(known.version)) return conflict;
    }
    const version = (known?.version ?? 0) + 1;
    const kept = { ...given, metadata: { ...metadata, name, resourceVersion: String(version) } };
    const made: Lease = { version, body: kept };
    this.#leases.set(name, made);
    return shown(made);
  }
}

function version() {
  return { major: '1', minor: '33', gitVersion: 'v1.33.0', platform: 'linux/amd64' } as
    | {
        readonly major: string;
        readonly minor: string;
        readonly gitVersion: string;
        readonly platform: string;
      }
    | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A Lease that somebody else renews every five seconds. */
function heldByAnother(nowMs: number): Answer {
  const renewals = Math.floor(nowMs / 5_000);
  return {
    status: 200,
    text: `{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"lease","resourceVersion":"${renewals}"},"spec":{"holderIdentity":"another-pod","leaseDurationSeconds":15,"leaseTransitions":${renewals}}}`,
  };
}

const shown = ({ body }: Lease) => ({ status: 200, text: JSON.stringify(body) });
const refusal = (code: number, reason: string) => ({
  status: code,
  text: JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    reason,
    code,
    message: reason,
  }),
});
const notFound = refusal(404, 'NotFound');
const conflict = refusal(409, 'Conflict');

class ClusterDispatcher extends Dispatcher {
  running = 0;
  readonly #cluster: SimulatedCluster;
  readonly #process: SimulatedProcess;
  readonly #life: number;

  constructor(cluster: SimulatedCluster, process: SimulatedProcess, life: number) {
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
  readonly #cluster: SimulatedCluster;
  readonly #process: SimulatedProcess;
  readonly #life: number;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #over: () => void;
  #request: number | undefined;
  #done = false;
  #held: (() => void) | undefined;

  constructor(
    cluster: SimulatedCluster,
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
  }

  start({ method, path, body }: Dispatcher.DispatchOptions): void {
    this.#handler.onRequestStart?.(this, {});
    if (this.#done) return;
    readBody(body, (text) => this.#after(this.#wayMs(), () => this.#arrive(method, path, text)));
  }

  #arrive(method: string, path: string, body: string): void {
    const cluster = this.#cluster;
    if (cluster.has('refuses')) {
      return this.#fail(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    }
    const request = Number(workOfPath.exec(path)?.[1] ?? -1);
    const work = cluster.judge.work(request);
    if (work === undefined) {
      const { status, text } = cluster.has('fails')
        ? refusal(500, 'InternalError')
        : cluster.answer(method, path, body, this.#process.kernel.nowMs);
      return this.#after(this.#wayMs(), () => {
        this.#head(status);
        this.#handler.onResponseData?.(this, Buffer.from(text));
        this.#end();
      });
    }
    this.#request = request;
    cluster.judge.arrived(request, cluster.agent, this.#life);
    this.#after(work.thinkMs, () => {
      this.#head(200);
      this.#stream(work, work.chunks);
    });
  }

  #stream(work: Work, left: number): void {
    if (this.paused) {
      this.#held = () => this.#stream(work, left);
      return;
    }
    if (left === 0) {
      this.#cluster.judge.finished(work.request, this.#cluster.agent);
      return this.#end();
    }
    const text = `agent=${this.#cluster.agent} request=${work.request} chunk=${work.chunks - left}\n`;
    this.#handler.onResponseData?.(this, Buffer.from(text));
    this.#after(work.streamMs / work.chunks, () => this.#stream(work, left - 1));
  }

  #head(status: number): void {
    this.rawHeaders = ['Content-Type', 'application/json'];
    this.#handler.onResponseStart?.(this, status, { 'content-type': 'application/json' }, 'OK');
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
    this.#over();
  }

  #wayMs(): number {
    const { ways } = this.#process;
    return ways.between(wayMs.min, wayMs.max) + (this.#cluster.has('slow') ? ways.around(slowMeanMs) : 0);
  }

  #after(ms: number, run: () => void): void {
    this.#process.kernel.at(ms, () => {
      if (!this.#done && this.#process.alive) run();
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
