/**
 * Every request of a plan, from the user to the cluster and back: who admitted it, which agents got it, what the user saw.
 * The invariants about requests are judged from this book.
 */
import type { ClusterJudge, Work } from './cluster-work.ts';
import type { KasHost } from './kas-host.ts';
import type { Plan, PlannedRequest } from './plan.ts';
import type { Seen } from './user.ts';

export interface BookedRequest {
  readonly id: number;
  readonly planned: PlannedRequest;
  /** It came when all was well again. */
  readonly probe: boolean;
  /** The kas that took it; undefined while it was not admitted. */
  kas: KasHost | undefined;
  admittedMs: number;
  /** Agent and life of each time it reached a cluster. */
  readonly arrivals: { readonly agent: number; readonly life: number; readonly atMs: number }[];
  /** The cluster works on it now. */
  working: boolean;
  finished: boolean;
  seen: Seen | undefined;
  endedMs: number;
  /** The user left before the end. */
  left: boolean;
  /** The kas died under it. */
  orphaned: boolean;
  leave: () => void;
}

export interface BookKeeper {
  arrived(request: BookedRequest, agent: number, life: number): void;
}

export class RequestBook implements ClusterJudge {
  readonly all: readonly BookedRequest[];
  readonly #nowMs: () => number;
  readonly #keeper: BookKeeper;

  constructor(
    { requests, probes }: Pick<Plan, 'requests' | 'probes'>,
    nowMs: () => number,
    keeper: BookKeeper,
  ) {
    this.#nowMs = nowMs;
    this.#keeper = keeper;
    this.all = [...requests, ...probes].map((planned, id) => ({
      id,
      planned,
      probe: id >= requests.length,
      kas: undefined,
      admittedMs: 0,
      arrivals: [],
      working: false,
      finished: false,
      seen: undefined,
      endedMs: 0,
      left: false,
      orphaned: false,
      leave: () => {},
    }));
  }

  /** Admitted and not ended. */
  openAt(kas: KasHost): readonly BookedRequest[] {
    return this.all.filter((request) => request.kas === kas && request.seen === undefined);
  }

  work(request: number): Work | undefined {
    const booked = this.all[request];
    if (booked === undefined) return undefined;
    const { thinkMs, streamMs, chunks } = booked.planned;
    return { request, thinkMs, streamMs, chunks };
  }

  arrived(request: number, agent: number, life: number): void {
    const booked = this.all[request];
    if (booked === undefined) return;
    booked.arrivals.push({ agent, life, atMs: this.#nowMs() });
    booked.working = true;
    this.#keeper.arrived(booked, agent, life);
  }

  finished(request: number): void {
    const booked = this.all[request];
    if (booked === undefined) return;
    booked.working = false;
    booked.finished = true;
  }

  givenUp(request: number): void {
    const booked = this.all[request];
    if (booked !== undefined) booked.working = false;
  }
}
