/**
 * One attempt to hold the Lease, as the original's library makes it (`spec/agentk.md §3.3`), and giving it back.
 *
 * K1. Another's Lease is taken only when it has not changed for its duration, by our own clock since we first saw it so.
 *     Times in it are for people.
 * K2. Every write names the version it was read at: two who take it over at once do not both succeed.
 * K3. What we do not know in a Lease stays in it.
 */
import { TimestampSchema, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { toJson } from '@bufbuild/protobuf';
import type { Clock } from '../../ports/index.ts';
import { leaderElectionDelays, type LeaseAttempt } from '../../../statecharts/index.ts';
import { failureText, fieldsOf, isAbsent, leaseType, textAt } from '../kubernetes/index.ts';
import type { ClusterClient, KubeObject } from '../kubernetes/index.ts';

export interface LeaseLockDeps {
  readonly client: Pick<ClusterClient, 'get' | 'create' | 'update'>;
  readonly namespace: string;
  readonly identity: string;
  readonly clock: Clock;
  /** Told who leads, when that changes. Text of the cluster. */
  readonly onHolder: (holder: string) => void;
  readonly onFailure: (reason: string) => void;
}

/** Each call of an attempt gets this: two fit into what a leader has to renew. */
const callMs = leaderElectionDelays.renewMs / 2;
const leaseSeconds = leaderElectionDelays.leaseMs / 1_000;

export class LeaseLock {
  readonly #deps: LeaseLockDeps;
  /** The record as last seen, and since when it has been so. */
  #seen: { readonly record: string; readonly atMs: number } | undefined;
  #holder = '';

  constructor(deps: LeaseLockDeps) {
    this.#deps = deps;
  }

  async attempt(name: string, signal: AbortSignal): Promise<LeaseAttempt> {
    const { client, namespace, identity, clock } = this.#deps;
    const startedMs = clock.monotonic();
    const options = { signal, deadlineMs: callMs };
    const found = await client.get(leaseType, { namespace, name }, options);
    if (found.kind !== 'ok' && !isAbsent(found)) return this.#failed(failureText(found));
    const lease = found.kind === 'ok' ? found.value : undefined;
    if (lease !== undefined && !this.#mayTake(lease)) return { kind: 'taken' };
    const wanted = this.#taken(name, lease);
    const written =
      lease === undefined
        ? await client.create(leaseType, namespace, wanted, options)
        : await client.update(leaseType, { namespace, name }, wanted, options); // K2
    if (written.kind !== 'ok') return this.#failed(failureText(written));
    this.#see(written.value);
    this.#hold(identity);
    return { kind: 'held', tookMs: clock.monotonic() - startedMs };
  }

  /** Gives the Lease back, if it is ours. */
  async release(name: string, signal: AbortSignal): Promise<void> {
    const { client, namespace, identity, clock } = this.#deps;
    const options = { signal, deadlineMs: callMs };
    const found = await client.get(leaseType, { namespace, name }, options);
    if (found.kind !== 'ok' || textAt(found.value, 'spec', 'holderIdentity') !== identity) return;
    const now = microTime(clock.now());
    const released = { holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
    const spec = { ...fieldsOf(found.value['spec']), ...released };
    const written = await client.update(leaseType, { namespace, name }, { ...found.value, spec }, options);
    if (written.kind !== 'ok') this.#deps.onFailure(failureText(written));
  }

  #mayTake(lease: KubeObject): boolean {
    const spec = fieldsOf(lease['spec']);
    const atMs = this.#see(lease);
    const holder = textAt(spec, 'holderIdentity');
    this.#hold(holder);
    if (holder === '' || holder === this.#deps.identity) return true;
    const durationMs = Number(spec['leaseDurationSeconds'] ?? 0) * 1_000;
    return this.#deps.clock.monotonic() >= atMs + durationMs; // K1
  }

  /** Notes the record; answers since when it is known as it is. */
  #see(lease: KubeObject): number {
    const record = JSON.stringify(lease['spec'] ?? {});
    if (this.#seen?.record !== record) this.#seen = { record, atMs: this.#deps.clock.monotonic() };
    return this.#seen.atMs;
  }

  #hold(holder: string): void {
    if (holder === this.#holder) return;
    this.#holder = holder;
    this.#deps.onHolder(holder);
  }

  #taken(name: string, lease: KubeObject | undefined): object {
    const { namespace, identity, clock } = this.#deps;
    const now = microTime(clock.now());
    const before = fieldsOf(lease?.['spec']);
    const transitions = Number(before['leaseTransitions'] ?? 0);
    const renewing = before['holderIdentity'] === identity;
    const spec = {
      ...before, // K3
      holderIdentity: identity,
      leaseDurationSeconds: leaseSeconds,
      acquireTime: renewing ? (before['acquireTime'] ?? now) : now,
      renewTime: now,
      leaseTransitions: lease === undefined ? 0 : renewing ? transitions : transitions + 1,
    };
    const { group, version, kind } = leaseType;
    const fresh = { apiVersion: `${group}/${version}`, kind, metadata: { name, namespace } };
    return { ...(lease ?? fresh), spec };
  }

  #failed(reason: string): LeaseAttempt {
    this.#deps.onFailure(reason);
    return { kind: 'failed' };
  }
}

/** As the API server writes it: always six digits behind the point. */
export function microTime(nowMs: number): string {
  const [whole = '', fraction = ''] = toJson(TimestampSchema, timestampFromMs(nowMs)).slice(0, -1).split('.');
  return `${whole}.${fraction.padEnd(6, '0').slice(0, 6)}Z`;
}
