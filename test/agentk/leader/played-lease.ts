/** A Lease in an API server that answers late, forgets to answer, or is away; on the clock of the world. */
import type { LeaderElectionDeps } from '../../../src/agentk/leader/index.ts';
import type { ClusterFailure, ClusterOutcome, KubeObject } from '../../../src/agentk/kubernetes/index.ts';
import type { SeededRandom } from '../../fakes/seeded-random.ts';
import type { VirtualClock } from '../../fakes/virtual-clock.ts';

type Client = LeaderElectionDeps['client'];
type Call = { readonly signal?: AbortSignal; readonly deadlineMs?: number };

export class PlayedLease {
  /** Answers take up to this long. */
  latencyMs = 20;
  /** How often a call is lost on its way there, and how often its answer on the way back. */
  lossShare = 0;
  away = false;
  lease: KubeObject | undefined;
  readonly events: KubeObject[] = [];
  readonly #clock: VirtualClock;
  readonly #random: SeededRandom;
  #version = 0;

  constructor(clock: VirtualClock, random: SeededRandom) {
    this.#clock = clock;
    this.#random = random;
  }

  get holder(): unknown {
    return this.spec['holderIdentity'];
  }

  get spec(): Readonly<Record<string, unknown>> {
    return (this.lease?.['spec'] ?? {}) as Readonly<Record<string, unknown>>;
  }

  /** What one candidate has; `severed` cuts only it off. */
  client(link: { severed: boolean }): Client {
    const through = <T>(options: Call | undefined, act: () => ClusterOutcome<T>) =>
      this.#through(link, options ?? {}, act);
    return {
      get: (_type, _name, options) =>
        through(options, () =>
          this.lease === undefined ? refused(404, 'NotFound') : { kind: 'ok', value: this.lease },
        ),
      create: (type, _namespace, body, options) =>
        through(options, () => {
          const object = body as KubeObject;
          if (type.kind === 'Event') {
            this.events.push(object);
            return { kind: 'ok', value: object };
          }
          return this.lease === undefined ? this.#store(object) : refused(409, 'AlreadyExists');
        }),
      update: (_type, _name, body, options) =>
        through(options, () => {
          const object = body as KubeObject;
          const current = this.lease?.metadata.resourceVersion;
          return object.metadata.resourceVersion === current ? this.#store(object) : refused(409, 'Conflict');
        }),
    };
  }

  #store(object: KubeObject): ClusterOutcome<KubeObject> {
    this.#version += 1;
    this.lease = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    return { kind: 'ok', value: this.lease };
  }

  /** The act happens somewhere between question and answer; either may be lost. */
  #through<T>(
    link: { severed: boolean },
    { signal, deadlineMs = 30_000 }: Call,
    act: () => ClusterOutcome<T>,
  ): Promise<ClusterOutcome<T>> {
    const late: ClusterFailure = { kind: 'unreachable', cause: 'late', reason: 'late' };
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => resolve(late), deadlineMs);
      const answer = (outcome: ClusterOutcome<T>) => {
        this.#clock.clearTimeout(timer);
        resolve(outcome);
      };
      signal?.addEventListener('abort', () => answer({ ...late, cause: 'cancelled' }));
      this.#later(() => {
        if (this.away || link.severed || this.#random.next() < this.lossShare) return;
        const outcome = act();
        this.#later(() => {
          if (!this.away && !link.severed && this.#random.next() >= this.lossShare) answer(outcome);
        });
      });
    });
  }

  #later(fn: () => void): void {
    this.#clock.setTimeout(fn, this.#random.next() * this.latencyMs);
  }
}

function refused(code: number, reason: string): ClusterFailure {
  return { kind: 'refused', code, reason, message: reason, causes: [], retryAfterMs: undefined };
}
