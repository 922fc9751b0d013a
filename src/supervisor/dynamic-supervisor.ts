/**
 * The supervisor of populations: agents, tunnels, requests, by the tens of thousands. Members are root actors of their own
 * in a Map, because children inside one xstate system cost more with every sibling. No order among them: each is
 * restarted alone, and all are stopped at once.
 *
 * D1. Never more than `maxChildren` members; one that waits for its restart counts.
 * D2. A member that ended and is not restarted is forgotten at once, so its id is free again.
 * D3. A restart never runs inside the ending actor: it comes through the clock, after `backoff` if there is one.
 * D4. Stopping asks all members at the same instant; each has its budget from there, so it takes the longest budget, not
 *     their sum.
 */
import type { AnyActorRef } from 'xstate';
import type { TimerHandle } from '../ports/index.ts';
import { Backoff } from './backoff.ts';
import {
  checkChildSpec,
  type AnySupervisor,
  type AutoShutdown,
  type ChildInfo,
  type ChildSpec,
  type SupervisorHealth,
} from './child-spec.ts';
import { ActorChild } from './child.ts';
import { safeEnvironment, type SafeEnv, type SupervisorEnv } from './environment.ts';
import { exitReason, type Exit } from './exit.ts';
import { addRestart, checkIntensity, restartsWithin, type Intensity } from './intensity.ts';
import { Life } from './life.ts';
import { supervisorLimits } from './limits.ts';
import type { ReportKind } from './report.ts';
import { afterExit } from './strategy.ts';

export interface DynamicSupervisorOptions {
  readonly id: string;
  readonly maxChildren: number;
  /** Restarts allowed within `periodMs`, of all members together; default 1 in 5 s. */
  readonly intensity?: number;
  readonly periodMs?: number;
}

export type StartedChild =
  | { readonly kind: 'started'; readonly ref: AnyActorRef }
  /** `stopping`: not running (any more). `crashed`: in its first step; it is not kept and nothing is restarted. */
  | {
      readonly kind: 'refused';
      readonly reason: 'full' | 'stopping' | 'duplicate' | 'crashed';
      readonly error?: unknown;
    };

interface Member {
  readonly spec: ChildSpec;
  child: ActorChild | undefined;
  starting: boolean;
  restarts: number;
  backoff: Backoff | undefined;
  retry: { readonly timer: TimerHandle } | undefined;
}

export class DynamicSupervisor implements AnySupervisor {
  readonly id: string;
  readonly autoShutdown: AutoShutdown = 'never';
  readonly maxChildren: number;
  /** Why and how it ended; never rejects. */
  readonly exit: Promise<Exit>;
  readonly #intensity: Intensity;
  readonly #env: SafeEnv;
  readonly #life: Life;
  readonly #members = new Map<string, Member>();
  #restarts: readonly number[] = [];
  /** Members between two lives: when none is left, the restarting is over. */
  #waiting = 0;

  /** Throws on senseless options: that is a bug of the caller. */
  constructor(options: DynamicSupervisorOptions, env: SupervisorEnv) {
    this.id = options.id;
    this.maxChildren = options.maxChildren;
    this.#intensity = {
      intensity: options.intensity ?? supervisorLimits.intensity,
      periodMs: options.periodMs ?? supervisorLimits.periodMs,
    };
    const problems = checkIntensity(this.#intensity);
    if (!(options.maxChildren > 0)) problems.push('maxChildren must be positive');
    if (problems.length > 0) throw new Error(`supervisor "${this.id}": ${problems.join('; ')}`);
    this.#env = safeEnvironment(env);
    this.#life = new Life(
      this.id,
      {
        startChildren: () => this.#life.send({ type: 'children.started' }),
        stopChildren: () => this.#stopAll(),
      },
      this.#env,
    );
    this.exit = this.#life.exit;
  }

  /** Opens it for members. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Stops all members at once, each within its budget, and resolves when all are gone. */
  stop(reason = 'stop requested'): Promise<void> {
    return this.#life.stop(reason);
  }

  /**
   * Starts a member. Answers at once: readiness is not awaited, so a spec with `ready: 'tag'` is refused by exception, as
   * are all bad specs.
   */
  startChild(spec: ChildSpec): StartedChild {
    const problems = checkChildSpec(spec);
    if (spec.significant === true || spec.ready === 'tag') {
      problems.push(`child "${spec.id}": significant and ready: 'tag' belong under a Supervisor`);
    }
    if (problems.length > 0) throw new Error(`supervisor "${this.id}": ${problems.join('; ')}`);
    if (!this.#life.ready) return { kind: 'refused', reason: 'stopping' };
    if (this.#members.has(spec.id)) return { kind: 'refused', reason: 'duplicate' };
    if (this.#members.size >= this.maxChildren) return { kind: 'refused', reason: 'full' }; // D1
    const member: Member = {
      spec,
      child: undefined,
      starting: false,
      restarts: 0,
      backoff: spec.backoff && new Backoff(spec.backoff, this.#env.clock, this.#env.random),
      retry: undefined,
    };
    this.#members.set(spec.id, member);
    const child = this.#launch(member);
    if (child.exit?.kind === 'crashed') {
      this.#forget(member);
      this.#tell('startFailed', member, exitReason(child.exit), child.exit.error);
      return { kind: 'refused', reason: 'crashed', error: child.exit.error };
    }
    this.#tell('started', member, 'first start');
    if (child.exit !== undefined) this.#onExit(member, child, child.exit);
    return { kind: 'started', ref: child.ref };
  }

  /** Asks a member to stop, kills it when its budget is spent, and forgets it. Resolves at once for unknown ids. */
  async terminateChild(id: string): Promise<void> {
    const member = this.#members.get(id);
    if (member === undefined) return;
    if (member.child === undefined) {
      this.#forget(member);
      this.#settle();
    } else await member.child.stop();
  }

  /** The present life of a member; undefined while it waits for its restart. Do not keep the answer. */
  get(id: string): AnyActorRef | undefined {
    return this.#members.get(id)?.child?.ref;
  }

  /** Members, those included that wait for their restart. */
  count(): number {
    return this.#members.size;
  }

  whichChildren(): readonly ChildInfo[] {
    return [...this.#members.values()].map(({ spec, child, restarts }) => ({
      id: spec.id,
      kind: 'actor',
      status: child === undefined ? 'waiting' : child.asked ? 'stopping' : 'running',
      restarts,
      ref: child?.ref,
      children: undefined,
    }));
  }

  health(): SupervisorHealth {
    return {
      state: this.#life.state,
      strategy: 'each alone',
      restartsInWindow: restartsWithin(this.#restarts, this.#env.clock.monotonic(), this.#intensity),
      ...this.#intensity,
      population: { count: this.count(), max: this.maxChildren },
    };
  }

  #launch(member: Member): ActorChild {
    member.starting = true;
    const child = new ActorChild(member.spec, this.#env, (ended, exit) => {
      if (!member.starting) this.#onExit(member, ended, exit);
    });
    member.child = child;
    child.launch();
    member.starting = false;
    return child;
  }

  #onExit(member: Member, child: ActorChild, exit: Exit): void {
    member.child = undefined;
    const error = exit.kind === 'crashed' ? exit.error : undefined;
    if (child.asked) {
      this.#tell(error === undefined ? 'stopped' : 'stopFailed', member, exitReason(exit), error);
      this.#forget(member);
    } else {
      this.#tell('exited', member, exitReason(exit), error);
      if (this.#life.ready && afterExit(member.spec.restart ?? 'permanent', exit) === 'restart') {
        this.#restart(member, exitReason(exit));
      } else this.#forget(member); // D2
    }
    if (this.#life.ending && this.#members.size === 0) this.#life.send({ type: 'children.stopped' });
  }

  #restart(member: Member, reason: string): void {
    const childId = member.spec.id;
    const { intensity, periodMs } = this.#intensity;
    const verdict = addRestart(this.#restarts, this.#env.clock.monotonic(), this.#intensity);
    this.#restarts = verdict.restarts;
    if (!verdict.allowed) {
      const text = `more than ${intensity} restarts in ${periodMs} ms, the last of child "${childId}": ${reason}`;
      this.#forget(member);
      this.#tell('gaveUp', member, text);
      this.#life.send({ type: 'restart.refused', childId, reason: text });
      return;
    }
    this.#life.send({ type: 'restart.granted', childId });
    member.restarts++;
    const waitMs = member.backoff?.next() ?? 0;
    this.#tell('restarting', member, reason, undefined, waitMs);
    this.#waiting++;
    member.retry = { timer: this.#env.clock.setTimeout(() => this.#startAgain(member), waitMs) }; // D3
  }

  #startAgain(member: Member): void {
    member.retry = undefined;
    this.#waiting--;
    const child = this.#launch(member);
    if (child.exit?.kind !== 'crashed') this.#tell('started', member, 'restart');
    if (child.exit !== undefined) this.#onExit(member, child, child.exit);
    this.#settle();
  }

  #settle(): void {
    if (this.#waiting === 0 && this.#life.is('restarting')) this.#life.send({ type: 'children.started' });
  }

  #forget(member: Member): void {
    if (member.retry !== undefined) {
      this.#env.clock.clearTimeout(member.retry.timer);
      member.retry = undefined;
      this.#waiting--;
    }
    this.#members.delete(member.spec.id);
  }

  #stopAll(): void {
    const byBudget = new Map<number, ActorChild[]>();
    for (const member of this.#members.values()) {
      const { child, spec } = member;
      const { shutdown = supervisorLimits.shutdownMs } = spec;
      if (child === undefined) this.#forget(member);
      else if (shutdown === 'brutal') child.kill();
      else {
        child.ask();
        if (shutdown === 'infinity' || child.exit !== undefined) continue;
        const group = byBudget.get(shutdown);
        if (group === undefined) byBudget.set(shutdown, [child]);
        else group.push(child);
      }
    }
    for (const [budgetMs, children] of byBudget) {
      const timer = this.#env.clock.setTimeout(() => children.forEach((child) => child.kill()), budgetMs); // D4
      void this.exit.then(() => this.#env.clock.clearTimeout(timer));
    }
    if (this.#members.size === 0) this.#life.send({ type: 'children.stopped' });
  }

  #tell(kind: ReportKind, member: Member, reason: string, error?: unknown, waitMs?: number): void {
    this.#env.report({
      kind,
      at: this.#env.clock.now(),
      supervisor: this.id,
      childId: member.spec.id,
      reason,
      attempt: member.restarts,
      ...(waitMs === undefined ? {} : { waitMs }),
      ...(error === undefined ? {} : { error }),
    });
  }
}
