/** One run of calls between our gRPC and grpc-js over simulated TCP: a storm, then healing, then the end. */
import type { Clock } from '../../../ports/index.ts';
import { Kernel } from '../../kernel/index.ts';
import { borrowNode, SimulatedNetwork, type Path } from '../../pipes/index.ts';
import { wireLimits } from '../limits.ts';
import { bugNamed, type BugName } from '../named-bugs.ts';
import { watchfulLog } from '../quiet-ports.ts';
import { settle, watchSurprises } from '../turns.ts';
import { CallBook, type Answerer, type Caller } from './call-book.ts';
import type { CallsPlan, LinkFault, PlannedCall } from './calls-plan.ts';
import { grpcJsClient } from './grpc-js-client.ts';
import { grpcJsServer } from './grpc-js-server.ts';
import { kastorClient } from './kastor-client.ts';
import { kastorServer } from './kastor-server.ts';

/** grpc-js takes addresses only. */
const serverPlace = '10.0.0.1';
const clientDials = '10.0.0.2';
const port = 50_051;

const probeAgainMs = 1_000;
const lastCall: PlannedCall = {
  atMs: 0,
  deadlineMs: 10_000,
  uploads: 1,
  uploadBytes: 100,
  replies: 1,
  replyBytes: 100,
  replyGapMs: 0,
  readGapMs: 0,
  cancelAfterMs: undefined,
};

export class CallsWorld {
  readonly kernel: Kernel;
  readonly plan: CallsPlan;
  readonly network: SimulatedNetwork;
  readonly book: CallBook;
  readonly answerer: Answerer;
  readonly #path: Path;

  readonly #clock: Clock;

  constructor(plan: CallsPlan, bug?: BugName) {
    this.plan = plan;
    this.kernel = new Kernel({ seed: plan.seed, keepTrace: true });
    this.#clock = bugNamed(bug)?.clock?.(this.kernel.clock) ?? this.kernel.clock;
    this.network = new SimulatedNetwork(this.kernel);
    this.book = new CallBook(this.kernel);
    this.#path = this.network.makePath('client>server', plan.path);
    const at = { place: serverPlace, port, ageMsMax: plan.ageMsMax };
    this.answerer =
      plan.grpcJs === 'server'
        ? grpcJsServer(this.kernel, this.book, at, plan.weather === 'stormy')
        : kastorServer(this.kernel, this.book, { ...at, clock: this.#clock }, this.#log('server'));
  }

  /** Runs the plan to its end, or to the first failure. */
  async run(judge: (world: CallsWorld) => () => void): Promise<void> {
    const { kernel, network, plan } = this;
    const giveBack = borrowNode(kernel, network);
    const stopWatching = watchSurprises(kernel);
    try {
      const judgeEnd = judge(this);
      network.start(serverPlace);
      network.route(clientDials, network.start('client'), serverPlace, this.#path);
      const caller = await this.#begin();
      if (!(await this.#until(plan.stormMs + wireLimits.healMs))) return;
      await this.#probe(caller);
      if (kernel.failure === undefined) await this.#end(caller);
      if (kernel.failure === undefined) judgeEnd();
    } finally {
      stopWatching();
      giveBack();
    }
  }

  #until(untilMs: number, until?: () => boolean): Promise<boolean> {
    return this.kernel.advanceWith(settle, untilMs, until);
  }

  #log(whose: string) {
    return watchfulLog(
      (line) => this.kernel.log(`${whose}: ${line}`),
      (line) => this.kernel.fail('error-logged', `${whose}: ${line}`),
    );
  }

  async #begin(): Promise<Caller> {
    const { kernel, plan } = this;
    await this.answerer.start();
    const caller =
      plan.grpcJs === 'client'
        ? grpcJsClient(kernel, clientDials, port, plan.weather === 'stormy')
        : kastorClient(kernel, this.#clock, { host: clientDials, port }, this.#log('client'));
    for (const planned of plan.calls) kernel.at(planned.atMs, () => caller.call(this.book.make(planned)));
    for (const fault of plan.faults) kernel.at(fault.atMs, () => this.#strike(fault));
    return caller;
  }

  #strike({ kind, forMs }: LinkFault): void {
    this.kernel.log(`fault ${kind} ${forMs}`);
    if (kind === 'reset') {
      for (const connection of this.network.connections) connection.reset();
      return;
    }
    for (const direction of kind === 'both' ? (['out', 'back'] as const) : [kind]) {
      this.#path.cut(direction);
      this.kernel.at(forMs, () => this.#path.heal(direction));
    }
  }

  /** A call succeeds, at the latest when the link has found a new connection. */
  async #probe(caller: Caller): Promise<void> {
    const untilMs = this.kernel.nowMs + wireLimits.probeMs;
    for (;;) {
      const made = this.book.make(lastCall);
      caller.call(made);
      await this.#until(untilMs, () => made.codes.length > 0);
      if (made.codes[0] === 0 || this.kernel.failure !== undefined) return;
      if (this.kernel.nowMs >= untilMs)
        return this.kernel.fail('progress', `a call ended as ${made.codes.join()}`);
      await this.#until(this.kernel.nowMs + probeAgainMs);
    }
  }

  async #end(caller: Caller): Promise<void> {
    const { kernel, book } = this;
    kernel.log('the end');
    await this.#until(kernel.nowMs + wireLimits.endMs, () =>
      book.made.every(({ codes }) => codes.length > 0),
    );
    let left = 2;
    const over = () => (left -= 1);
    const failed = (error: unknown) => kernel.fail('program-failed', String(error));
    caller.close().then(over, failed);
    this.answerer.close().then(over, failed);
    await this.#until(kernel.nowMs + wireLimits.endMs, () => left === 0);
    if (left > 0) kernel.fail('nothing-left', 'a program does not end');
    await this.#until(kernel.nowMs + wireLimits.aftermathMs);
  }
}
