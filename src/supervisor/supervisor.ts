/**
 * The ordered supervisor: tens of children with roles, started left to right, stopped in reverse. Decisions come from
 * `strategy.ts` and `intensity.ts`; its own state is a `Life`; this file carries plans out, one at a time.
 *
 * P1. At the first start a failure is final: what runs is stopped in reverse and `start` rejects naming the child.
 * P2. Ends are served one after the other. What a newer restart of the group has overtaken, an end of an older life or a
 *     failed start, is dropped.
 * P3. Each restart counts, and so does each failed try of one; a group counts once.
 * P4. Tries after a failed start come through the clock, so that a stop request gets in between.
 * P5. Once the life is ending nothing is started; the step under way finds that out after each wait.
 */
import type { TimerHandle } from '../ports/index.ts';
import { Backoff } from './backoff.ts';
import {
  checkChildSpecs,
  isSupervisorSpec,
  type AnySupervisor,
  type AutoShutdown,
  type ChildInfo,
  type SomeChildSpec,
  type SupervisorHealth,
} from './child-spec.ts';
import { openChild, type Child } from './child.ts';
import { safeEnvironment, type SafeEnv, type SupervisorEnv } from './environment.ts';
import { errorText, exitReason, type Exit } from './exit.ts';
import { addRestart, checkIntensity, restartsWithin, type Intensity } from './intensity.ts';
import { Life } from './life.ts';
import { supervisorLimits } from './limits.ts';
import type { ReportKind } from './report.ts';
import { afterExit, endsSupervisor, planRestart, type PlannedChild, type Strategy } from './strategy.ts';

export interface SupervisorOptions {
  readonly id: string;
  readonly strategy: Strategy;
  /** Restarts allowed within `periodMs`; default 1 in 5 s. Keep it small on upper levels: tries multiply. */
  readonly intensity?: number;
  readonly periodMs?: number;
  readonly autoShutdown?: AutoShutdown;
  readonly children: readonly SomeChildSpec[];
}

/** The place of a child in the order, whichever life it is in. */
interface Slot {
  readonly spec: SomeChildSpec;
  readonly backoff: Backoff | undefined;
  child: Child | undefined;
  /** Set between a start and the news that it succeeded or failed. */
  starting: boolean;
  restarts: number;
  /** The planned start this child waits for; the same object for all children of the plan. */
  retry: Retry | undefined;
}

interface Retry {
  readonly ids: readonly string[];
  readonly timer: TimerHandle;
}

/** What waits to be served: a child that ended, or a start that failed. Bounded by the number of children. */
type Mail =
  | { readonly kind: 'exited'; readonly id: string; readonly child: Child; readonly exit: Exit }
  | { readonly kind: 'startFailed'; readonly id: string }
  | { readonly kind: 'due'; readonly retry: Retry };

export class Supervisor implements AnySupervisor {
  readonly id: string;
  readonly autoShutdown: AutoShutdown;
  /** Why and how it ended; never rejects. */
  readonly exit: Promise<Exit>;
  readonly #strategy: Strategy;
  readonly #intensity: Intensity;
  readonly #env: SafeEnv;
  readonly #life: Life;
  readonly #slots = new Map<string, Slot>();
  readonly #mailbox: Mail[] = [];
  #serving: Promise<void> | undefined;
  #restarts: readonly number[] = [];

  /** Throws on bad specs, listing all that is wrong: that is a bug of the caller. */
  constructor(options: SupervisorOptions, env: SupervisorEnv) {
    this.id = options.id;
    this.autoShutdown = options.autoShutdown ?? 'never';
    this.#strategy = options.strategy;
    this.#intensity = {
      intensity: options.intensity ?? supervisorLimits.intensity,
      periodMs: options.periodMs ?? supervisorLimits.periodMs,
    };
    const problems = [
      ...checkIntensity(this.#intensity),
      ...checkChildSpecs(options.children, this.autoShutdown),
    ];
    if (problems.length > 0) throw new Error(`supervisor "${this.id}": ${problems.join('; ')}`);
    this.#env = safeEnvironment(env);
    for (const spec of options.children) {
      const backoff = spec.backoff && new Backoff(spec.backoff, env.clock, env.random);
      this.#slots.set(spec.id, {
        spec,
        backoff,
        child: undefined,
        starting: false,
        restarts: 0,
        retry: undefined,
      });
    }
    this.#life = new Life(
      this.id,
      { startChildren: () => void this.#startAll(), stopChildren: () => void this.#stopAll() },
      this.#env,
    );
    this.exit = this.#life.exit;
  }

  /**
   * Starts the children in order, each when the one before is ready. Rejects with an Error naming the child that failed,
   * after the others were stopped; also when stopped meanwhile.
   */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Stops the children in reverse order, each within its budget, and resolves when all are gone. */
  stop(reason = 'stop requested'): Promise<void> {
    return this.#life.stop(reason);
  }

  whichChildren(): readonly ChildInfo[] {
    return [...this.#slots.values()].map((slot) => ({
      id: slot.spec.id,
      kind: isSupervisorSpec(slot.spec) ? 'supervisor' : 'actor',
      status: statusOf(slot),
      restarts: slot.restarts,
      ref: slot.child?.ref,
      children: slot.child?.supervisor?.whichChildren(),
      health: slot.child?.supervisor?.health(),
    }));
  }

  health(): SupervisorHealth {
    return {
      state: this.#life.state,
      strategy: this.#strategy,
      restartsInWindow: restartsWithin(this.#restarts, this.#env.clock.monotonic(), this.#intensity),
      ...this.#intensity,
    };
  }

  async #startAll(): Promise<void> {
    await Promise.resolve(); // off the stack of the chart's action
    for (const slot of this.#slots.values()) {
      if (!this.#life.is('starting')) return; // P5
      const reason = await this.#startOne(slot);
      if (reason === undefined) continue;
      this.#life.send({ type: 'child.startFailed', childId: slot.spec.id, reason }); // P1
      return;
    }
    this.#life.send({ type: 'children.started' });
    this.#serve();
  }

  /** Starts one child; answers what went wrong, in words. */
  async #startOne(slot: Slot): Promise<string | undefined> {
    let child: Child;
    let failure: string | undefined;
    slot.starting = true;
    try {
      child = openChild(slot.spec, this.#env, (ended, exit) => this.#onExit(slot, ended, exit));
      slot.child = child;
      failure = await child.start();
    } catch (error) {
      slot.starting = false;
      failure = errorText(error);
      this.#tell('startFailed', slot, failure);
      return failure;
    }
    slot.starting = false;
    if (failure === undefined) {
      this.#tell('started', slot, slot.restarts === 0 ? 'first start' : 'restart');
      if (child.exit !== undefined) this.#onExit(slot, child, child.exit);
    } else if (!child.asked || !this.#life.ending) {
      slot.child = undefined;
      this.#tell('startFailed', slot, failure, child.exit?.kind === 'crashed' ? child.exit.error : undefined);
    }
    return failure;
  }

  /** Runs inside the ending actor: report and take note, no more. */
  #onExit(slot: Slot, child: Child, exit: Exit): void {
    if (slot.starting && !this.#life.ending) return; // the start tells
    const error = exit.kind === 'crashed' ? exit.error : undefined;
    if (child.asked) {
      this.#tell(error === undefined ? 'stopped' : 'stopFailed', slot, exitReason(exit), error);
      return;
    }
    this.#tell('exited', slot, exitReason(exit), error);
    this.#post({ kind: 'exited', id: slot.spec.id, child, exit });
  }

  #post(mail: Mail): void {
    this.#mailbox.push(mail);
    this.#serve();
  }

  #serve(): void {
    if (this.#serving !== undefined || !this.#life.ready) return;
    this.#serving = this.#serveAll().finally(() => {
      this.#serving = undefined;
      if (this.#mailbox.length > 0) this.#serve();
    });
  }

  async #serveAll(): Promise<void> {
    await Promise.resolve(); // off the stack of the ending actor
    while (this.#life.ready) {
      const mail = this.#mailbox.shift();
      if (mail === undefined) break;
      await this.#serveOne(mail);
    }
    const waiting = this.#slots.values().some((slot) => slot.retry !== undefined);
    if (!waiting && this.#life.is('restarting')) this.#life.send({ type: 'children.started' });
  }

  async #serveOne(mail: Mail): Promise<void> {
    if (mail.kind === 'due') return this.#startDue(mail.retry);
    const slot = this.#slots.get(mail.id);
    if (slot === undefined) return;
    if (mail.kind === 'startFailed') {
      const overtaken = slot.child !== undefined || slot.retry !== undefined; // P2
      return overtaken ? undefined : this.#restart(slot, 'failed to start', 'later');
    }
    if (slot.child !== mail.child) return; // P2
    slot.child = undefined;
    const verdict = afterExit(slot.spec.restart ?? 'permanent', mail.exit);
    if (verdict === 'restart') return this.#restart(slot, exitReason(mail.exit), 'now');
    if (verdict === 'forget') this.#slots.delete(mail.id);
    if (slot.spec.significant === true && endsSupervisor(this.autoShutdown, this.#planned(mail.id))) {
      this.#life.send({ type: 'significant.ended', childId: mail.id });
    }
  }

  /** Carries out one restart of `slot` and its group, if the intensity allows. */
  async #restart(slot: Slot, reason: string, when: 'now' | 'later'): Promise<void> {
    const childId = slot.spec.id;
    const { intensity, periodMs } = this.#intensity;
    const verdict = addRestart(this.#restarts, this.#env.clock.monotonic(), this.#intensity);
    this.#restarts = verdict.restarts; // P3
    if (!verdict.allowed) {
      const text = `more than ${intensity} restarts in ${periodMs} ms, the last of child "${childId}": ${reason}`;
      this.#tell('gaveUp', slot, text);
      this.#life.send({ type: 'restart.refused', childId, reason: text });
      return;
    }
    this.#life.send({ type: 'restart.granted', childId });
    slot.restarts++;
    const waitMs = slot.backoff?.next() ?? 0;
    this.#tell('restarting', slot, reason, undefined, waitMs);
    const plan = planRestart(this.#strategy, this.#planned(), childId);
    for (const id of plan.stops) {
      await this.#slots.get(id)?.child?.stop();
      if (!this.#life.ready) return; // P5
    }
    for (const id of plan.forgets) this.#slots.delete(id);
    for (const id of plan.starts) this.#cancelRetry(id);
    if (waitMs === 0 && when === 'now') return this.#startInOrder(plan.starts);
    this.#startLater(plan.starts, waitMs);
  }

  #startLater(ids: readonly string[], waitMs: number): void {
    const due = () => this.#post({ kind: 'due', retry });
    const retry: Retry = { ids, timer: this.#env.clock.setTimeout(due, waitMs) }; // P4
    for (const id of ids) {
      const slot = this.#slots.get(id);
      if (slot !== undefined) slot.retry = retry;
    }
  }

  #startDue(retry: Retry): Promise<void> {
    const ids = retry.ids.filter((id) => this.#slots.get(id)?.retry === retry); // else a newer plan took over
    for (const id of ids) this.#cancelRetry(id);
    return this.#startInOrder(ids);
  }

  async #startInOrder(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const slot = this.#slots.get(id);
      if (slot === undefined) continue;
      const failure = await this.#startOne(slot);
      if (!this.#life.ready) return; // P5
      if (failure !== undefined) {
        this.#post({ kind: 'startFailed', id });
        return;
      }
    }
  }

  #cancelRetry(id: string): void {
    const slot = this.#slots.get(id);
    if (slot?.retry === undefined) return;
    this.#env.clock.clearTimeout(slot.retry.timer);
    slot.retry = undefined;
  }

  async #stopAll(): Promise<void> {
    for (const id of this.#slots.keys()) this.#cancelRetry(id);
    for (const slot of [...this.#slots.values()].reverse()) await slot.child?.stop();
    this.#life.send({ type: 'children.stopped' });
  }

  #planned(exceptId?: string): readonly PlannedChild[] {
    return [...this.#slots.values()]
      .filter((slot) => slot.spec.id !== exceptId)
      .map((slot) => ({
        id: slot.spec.id,
        restart: slot.spec.restart ?? 'permanent',
        significant: slot.spec.significant ?? false,
        alive: isAlive(slot) || slot.retry !== undefined,
      }));
  }

  #tell(kind: ReportKind, slot: Slot, reason: string, error?: unknown, waitMs?: number): void {
    this.#env.report({
      kind,
      at: this.#env.clock.now(),
      supervisor: this.id,
      childId: slot.spec.id,
      reason,
      attempt: slot.restarts,
      ...(waitMs === undefined ? {} : { waitMs }),
      ...(error === undefined ? {} : { error }),
    });
  }
}

function isAlive(slot: Slot): boolean {
  return slot.child !== undefined && slot.child.exit === undefined;
}

function statusOf(slot: Slot): ChildInfo['status'] {
  if (slot.starting) return 'starting';
  if (slot.retry !== undefined) return 'waiting';
  if (!isAlive(slot)) return 'ended';
  return slot.child?.asked === true ? 'stopping' : 'running';
}
