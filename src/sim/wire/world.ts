/**
 * One run: kas, its agents, their clusters and users on a simulated network, driven through a plan; then everything is healed,
 * has to work again, and is stopped, and nothing may be left.
 */
import type { Agentk } from '../../agentk/index.ts';
import type { Clock } from '../../ports/index.ts';
import { Kernel } from '../kernel/index.ts';
import { borrowNode, SimulatedNetwork, type Connection, type Path, type Place } from '../pipes/index.ts';
import { ApiServer, apiPort, type Served } from './api-server.ts';
import { UserRequest } from './client.ts';
import { frameFilter } from './frame-filter.ts';
import { bugNamed, type BugName, type Program } from './named-bugs.ts';
import { pathNames, type Plan, type PlannedFault, type PlannedRequest } from './plan.ts';
import { watchfulLog } from './quiet-ports.ts';
import { startAgent } from './simulated-agent.ts';
import { composeKas, type SimulatedKas, type Sizes } from './simulated-kas.ts';
import { wireLimits } from './limits.ts';
import { settle, watchSurprises } from './turns.ts';

/** One life of a program. */
export interface Life<Program> {
  readonly place: Place;
  readonly program: Promise<Program>;
  running: Program | undefined;
  state: 'up' | 'stopping' | 'dead';
}

export interface KasLife extends Life<SimulatedKas> {
  /** How often each request of this life ended. */
  readonly ended: Map<string, number>;
}

export class World {
  readonly kernel: Kernel;
  readonly plan: Plan;
  readonly network: SimulatedNetwork;
  readonly paths: ReadonlyMap<string, Path>;
  readonly apis: readonly ApiServer[];
  readonly requests: UserRequest[] = [];
  readonly kasLives: KasLife[] = [];
  readonly agentLives: (Life<Agentk> & { readonly agentId: number })[] = [];
  /** The most bytes of one answer that were on the way. */
  mostHeld = 0;
  #over = false;
  /** Ends of programs that are under way. */
  readonly #burials = new Set<Promise<unknown>>();

  readonly #bug: ReturnType<typeof bugNamed>;

  constructor(plan: Plan, bug?: BugName) {
    this.plan = plan;
    this.#bug = bugNamed(bug);
    this.kernel = new Kernel({ seed: plan.seed, keepTrace: true });
    this.network = new SimulatedNetwork(this.kernel);
    const { frames, whose } = this.#bug ?? {};
    if (frames !== undefined) {
      this.network.changes = (path) => {
        if (!path.name.startsWith('agent') || !path.name.endsWith('>kas')) return {};
        return whose === 'kas' ? { back: frameFilter(frames, false) } : { out: frameFilter(frames, true) };
      };
    }
    this.paths = new Map(
      Object.entries(plan.paths).map(([name, quality]) => [name, this.network.makePath(name, quality)]),
    );
    this.apis = Array.from({ length: plan.agents }, (_, index) => new ApiServer(this.kernel, index + 1));
  }

  /** What is still waited for when programs end. */
  get burials(): number {
    return this.#burials.size;
  }

  /**
   * Runs the plan to its end, or to the first failure.
   * @param judge watches what must hold, and answers what to check when all programs have ended
   */
  async run(judge: (world: World) => () => void): Promise<void> {
    const giveBack = borrowNode(this.kernel, this.network);
    const stopWatching = watchSurprises(this.kernel);
    try {
      const judgeEnd = judge(this);
      this.#begin();
      const { stormMs } = this.plan;
      if (!(await this.#until(stormMs))) return;
      this.#heal();
      if (!(await this.#until(stormMs + wireLimits.healMs))) return;
      await this.#probe();
      if (this.kernel.failure === undefined) await this.#end();
      if (this.kernel.failure === undefined) judgeEnd();
    } finally {
      stopWatching();
      giveBack();
    }
  }

  /** What the API servers saw of a request. */
  served(id: number): readonly Served[] {
    return this.apis.flatMap(({ served }) => served.filter((one) => one.id === id));
  }

  /** Connections between agentk and kas. */
  links(): readonly Connection[] {
    return this.network.connections.filter(
      ({ path }) => path.name.endsWith('>kas') && path.name.startsWith('agent'),
    );
  }

  #until(untilMs: number, until?: () => boolean): Promise<boolean> {
    return this.kernel.advanceWith(settle, untilMs, until);
  }

  #begin(): void {
    const { kernel, plan } = this;
    for (let client = 1; client <= plan.clients; client++) {
      const place = this.network.start(`client-${client}`);
      this.network.route(`kas.of.client-${client}`, place, 'kas', this.#path(pathNames.client(client)));
    }
    for (const [index, api] of this.apis.entries()) {
      this.network.start(`cluster-${index + 1}`);
      api.server.listen({ host: `cluster-${index + 1}`, port: apiPort });
    }
    this.#startKas();
    for (let agentId = 1; agentId <= plan.agents; agentId++) this.#startAgent(agentId);
    for (const planned of plan.requests) kernel.at(planned.atMs, () => this.#ask(planned));
    for (const fault of plan.faults) kernel.at(fault.atMs, () => this.#strike(fault));
  }

  #ask(planned: PlannedRequest): UserRequest {
    const request = new UserRequest(
      this.kernel,
      this.requests.length + 1,
      planned,
      `kas.of.client-${planned.client}`,
    );
    this.requests.push(request);
    return request;
  }

  #path(name: string): Path {
    const path = this.paths.get(name);
    if (path === undefined) throw new Error(`no path ${name}`);
    return path;
  }

  #strike(fault: PlannedFault): void {
    const { kernel } = this;
    const { atMs: _, ...shown } = fault;
    kernel.log(`fault ${JSON.stringify(shown)}`);
    switch (fault.kind) {
      case 'reset':
        for (const connection of this.network.connectionsOf(this.#path(fault.path))) connection.reset();
        return;
      case 'cut': {
        const path = this.#path(fault.path);
        const directions = fault.directions === 'both' ? (['out', 'back'] as const) : [fault.directions];
        for (const direction of directions) {
          path.cut(direction);
          kernel.at(this.#within(fault.forMs), () => path.heal(direction));
        }
        return;
      }
      case 'crash':
        if (fault.what === 'kas') this.#crashKas(fault.how, fault.forMs);
        else this.#crashAgent(fault.what, fault.how, fault.forMs);
        return;
      case 'restart':
        if (fault.what === 'kas') this.#restartKas(fault.forMs);
        else this.#restartAgent(fault.what, fault.forMs);
    }
  }

  /** No fault outlasts the storm. */
  #within(forMs: number): number {
    return Math.min(forMs, this.plan.stormMs - this.kernel.nowMs);
  }

  #log(whose: string) {
    return watchfulLog(
      (line) => this.kernel.log(`${whose}: ${line}`),
      (line) => this.kernel.fail('error-logged', `${whose}: ${line}`),
    );
  }

  #clockOf(program: Program): Clock {
    const { clock } = this.kernel;
    return this.#bug?.whose === program ? (this.#bug.clock?.(clock) ?? clock) : clock;
  }

  #startKas(): void {
    const { kernel, plan } = this;
    const place = this.network.start('kas');
    const life = this.kasLives.length + 1;
    const ended = new Map<string, number>();
    const kas = composeKas({
      place: 'kas',
      agents: plan.agents,
      reuse: plan.reuse,
      connectionAgeMsMax: plan.connectionAgeMsMax,
      listenGraceMs: 1_000,
      shutdownGraceMs: wireLimits.shutdownGraceMs,
      clock: this.#clockOf('kas'),
      random: kernel.random.fork(`kas ${life}`),
      log: this.#log(`kas ${life}`),
      onEnded: ({ request }) => ended.set(request.requestId, (ended.get(request.requestId) ?? 0) + 1),
    });
    const started: KasLife = {
      place,
      ended,
      running: undefined,
      state: 'up',
      program: kas.start().then(() => (started.running = kas)),
    };
    this.kasLives.push(started);
    this.#expect(`kas ${life} starts`, started.program);
  }

  #startAgent(agentId: number): void {
    const { kernel, network } = this;
    const name = `agent-${agentId}`;
    const life = this.agentLives.length + 1;
    const place = network.start(name);
    const names = { kas: `kas.of.${name}.life-${life}`, api: `api.of.${name}.life-${life}` };
    network.route(names.kas, place, 'kas', this.#path(pathNames.agent(agentId)));
    network.route(names.api, place, `cluster-${agentId}`, this.#path(pathNames.api(agentId)));
    const program = startAgent({
      agentId,
      ...names,
      clock: this.#clockOf('agentk'),
      random: kernel.random.fork(`${name} ${life}`),
      log: this.#log(`${name} ${life}`),
    });
    const started: (typeof this.agentLives)[number] = {
      agentId,
      place,
      running: undefined,
      state: 'up',
      program: program.then((agent) => (started.running = agent)),
    };
    this.agentLives.push(started);
    this.#expect(`${name} starts`, started.program);
  }

  get kas(): KasLife | undefined {
    return this.kasLives.at(-1);
  }

  agent(agentId: number) {
    return this.agentLives.findLast((life) => life.agentId === agentId);
  }

  #crashKas(how: 'power' | 'process', forMs: number): void {
    const life = this.kas;
    if (life === undefined || life.state === 'dead') return;
    life.state = 'dead';
    this.network.kill(life.place, how);
    this.#bury(life, async (kas) => {
      await Promise.all([kas.drain(), kas.kill()]);
    });
    this.kernel.at(this.#within(forMs), () => this.#startKas());
  }

  #crashAgent(agentId: number, how: 'power' | 'process', forMs: number): void {
    const life = this.agent(agentId);
    if (life === undefined || life.state === 'dead') return;
    life.state = 'dead';
    this.network.kill(life.place, how);
    this.#bury(life, async (agent) => {
      void agent.stop();
      await agent.stop();
    });
    this.kernel.at(this.#within(forMs), () => this.#startAgent(agentId));
  }

  #restartKas(forMs: number): void {
    const life = this.kas;
    if (life?.state !== 'up') return;
    life.state = 'stopping';
    this.#bury(life, async (kas) => {
      await kas.drain();
      if (life.state === 'dead') return; // crashed meanwhile
      life.state = 'dead';
      this.network.kill(life.place, 'process');
      this.kernel.log('kas stopped');
      if (!this.#over) this.kernel.at(forMs, () => this.#startKas());
    });
  }

  #restartAgent(agentId: number, forMs: number): void {
    const life = this.agent(agentId);
    if (life?.state !== 'up') return;
    life.state = 'stopping';
    this.#bury(life, async (agent) => {
      await agent.stop();
      if (life.state === 'dead') return;
      life.state = 'dead';
      this.network.kill(life.place, 'process');
      this.kernel.log(`agent-${agentId} stopped`);
      if (!this.#over) this.kernel.at(forMs, () => this.#startAgent(agentId));
    });
  }

  /** The program ends; that it does is part of what is demanded at the end. */
  #bury<Program>(life: Life<Program>, end: (program: Program) => Promise<void>): void {
    this.#expect('a program ends', life.program.then(end));
  }

  #expect(what: string, promise: Promise<unknown>): void {
    this.#burials.add(promise);
    promise.then(
      () => this.#burials.delete(promise),
      (error: unknown) => this.kernel.fail('program-failed', `${what}: ${String(error)}`),
    );
  }

  #heal(): void {
    this.kernel.log('healed');
    for (const path of this.paths.values()) path.calm();
  }

  /** Everything works again: each agent answers a request. */
  async #probe(): Promise<void> {
    const probes = Array.from({ length: this.plan.agents }, (_, index) =>
      this.#ask({
        atMs: this.kernel.nowMs,
        client: 1,
        agentId: index + 1,
        uploadBytes: 100,
        downloadBytes: 1_000,
        pieces: 1,
        gapMs: 0,
        early: false,
        readBytesPerMs: undefined,
        leavesAfterMs: undefined,
      }),
    );
    await this.#until(this.kernel.nowMs + wireLimits.probeMs, () =>
      probes.every(({ ending }) => ending !== undefined),
    );
    for (const { planned, ending } of probes) {
      if (ending?.kind === 'answered' && ending.httpStatus === 200) continue;
      this.kernel.fail('progress', `agent ${planned.agentId} answers no request: ${JSON.stringify(ending)}`);
    }
  }

  async #end(): Promise<void> {
    const { kernel } = this;
    this.#over = true;
    kernel.log('the end');
    for (let agentId = 1; agentId <= this.plan.agents; agentId++) this.#restartAgent(agentId, 0);
    this.#restartKas(0);
    await this.#until(kernel.nowMs + wireLimits.endMs, () => this.#burials.size === 0);
    for (const { server } of this.apis) server.close();
    await this.#until(kernel.nowMs + wireLimits.aftermathMs);
    if (this.#burials.size > 0) kernel.fail('nothing-left', 'a program does not end');
  }

  /** What every life of kas holds now. */
  sizes(): readonly Sizes[] {
    return this.kasLives.map(({ running }) => running?.sizes() ?? {});
  }
}
