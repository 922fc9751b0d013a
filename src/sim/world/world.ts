/**
 * A simulated world: kas, agents, their clusters, GitLab, the store and the network between them, and the plan that happens
 * to them. The lives in it are the product's; what is around them is simulated.
 */
import { Kernel } from '../kernel/index.ts';
import { SimulatedNetwork, type Http2Frame } from '../network/index.ts';
import { AgentHost } from './agent-host.ts';
import { configurationFile } from './agent-configuration.ts';
import { doFault } from './faults.ts';
import { invariants, type Invariant } from './invariants/index.ts';
import { KasHost } from './kas-host.ts';
import { ManifestProject, type ProjectJudge } from './manifest-project.ts';
import type { ManifestChange } from './manifest-repository.ts';
import { LifeBook } from './life-book.ts';
import type { Plan } from './plan.ts';
import type { Scene } from './scene.ts';
import { RequestBook, type BookedRequest } from './request-book.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { agentIdOf, manifestPath, manifestProjectId, SimulatedGitLab } from './simulated-gitlab.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedStore } from './simulated-store.ts';
import type { ObservedTransition } from '../../supervisor/index.ts';
import { Tally } from './tally.ts';
import { sendRequest } from './user.ts';

/** What everything gets to stop, agents first. */
const stopMs = 120_000;
/** Agents are started within this. */
const startMsMax = 1_000;
/** Until then an end may believe in a connection that is none: keepalive has not found out yet. */
const silenceMs = 90_000;
/** How often it is looked whether all is well again. */
const lookMs = 10_000;
/** How often it is looked at what lasts. */
const lookEachMs = 2_000;
/** What the requests get that come when all is well. */
const probesMs = 60_000;

export class World implements Scene {
  readonly plan: Plan;
  readonly kernel: Kernel;
  readonly network: SimulatedNetwork<Http2Frame>;
  readonly gitlab: SimulatedGitLab;
  readonly store: SimulatedStore;
  readonly kas: readonly KasHost[];
  readonly agents: readonly AgentHost[];
  readonly projects: readonly ManifestProject[];
  readonly book: RequestBook;
  readonly lives: LifeBook;
  readonly tally = new Tally();
  /** When agents dialled. */
  readonly dialTimes: number[] = [];
  readonly #toldMs = new Map<bigint, number>();
  #nextLookMs = lookEachMs;

  constructor(plan: Plan, options: { readonly keepTrace?: boolean | undefined } = {}) {
    this.plan = plan;
    const kernel = new Kernel({ seed: plan.seed, keepTrace: options.keepTrace });
    this.kernel = kernel;
    const network = new SimulatedNetwork<Http2Frame>(kernel);
    this.network = network;
    this.projects = this.#manifestProjects();
    const manifests = this.projects.map(({ repository }) => repository);
    this.gitlab = new SimulatedGitLab(plan.agents, manifests);
    this.store = new SimulatedStore(kernel, (write) =>
      this.#judge((invariant) => invariant.stored?.(this, write)),
    );
    this.lives = new LifeBook(
      () => kernel.nowMs,
      (stay) => this.#judge((invariant) => invariant.stayed?.(this, stay)),
    );
    kernel.check(() => this.#look());
    this.book = new RequestBook(plan, () => kernel.nowMs, {
      arrived: (request, agent, life) => {
        kernel.log(`request ${request.id} reaches the cluster of agent${agent}.${life}`);
        this.#judge((invariant) => invariant.arrived?.(this, request, agent, life));
      },
    });
    const onTransition = (process: SimulatedProcess, transition: ObservedTransition) =>
      this.#moved(process, transition);
    const { gitlab, store } = this;
    this.kas = Array.from(
      { length: plan.kas },
      (_, index) =>
        new KasHost(`kas${index}`, {
          kernel,
          network,
          gitlab,
          store,
          ageMs: plan.ageMs,
          pollMs: plan.pollMs,
          reuse: plan.reuse,
          gitops: plan.manifests !== undefined,
          onTransition,
        }),
    );
    this.agents = Array.from(
      { length: plan.agents },
      (_, agent) =>
        new AgentHost(agent, {
          kernel,
          network,
          cluster: new SimulatedCluster(agent, this.book, plan.led, this.projects[agent]),
          kasHosts: () => this.#balanced(),
          onTransition,
          onConfigured: (host) => this.#judge((invariant) => invariant.configured?.(this, host)),
          onDial: (host) => {
            this.dialTimes.push(kernel.nowMs);
            this.#judge((invariant) => invariant.dialled?.(this, host));
          },
        }),
    );
  }

  /** Lets the plan happen; afterwards `kernel.failure` says whether all was well. */
  run(): Promise<void> {
    return this.kernel.run(() => {
      const { kernel, plan } = this;
      this.#prepare();
      if (!kernel.advance(plan.healMs)) return;
      this.#mendManifests();
      kernel.log('everything is whole from here on');
      if (!kernel.advance(plan.healMs + silenceMs) || !this.#settle(plan.healMs + plan.quietMs)) return;
      kernel.log(`all is well again after ${Math.round(kernel.nowMs - plan.healMs)} ms`);
      this.#admitAll(true);
      if (!kernel.advance(kernel.nowMs + probesMs) || !this.#settle(kernel.nowMs + plan.quietMs)) return;
      kernel.log('everything is asked to stop');
      for (const host of this.agents) host.stop();
      kernel.at(stopMs / 2, () => {
        this.#judge((invariant) => invariant.agentsStopped?.(this));
        for (const host of this.kas) host.drain();
      });
      if (!kernel.advance(kernel.nowMs + stopMs + 120_000)) return;
      this.#judge((invariant) => invariant.stopped?.(this));
      for (const { kubernetes } of this.projects) kubernetes.stop();
    });
  }

  /** Lets time pass until all is as it must be, for the latest until then. */
  #settle(untilMs: number): boolean {
    const { kernel } = this;
    for (;;) {
      const reports: { readonly id: string; readonly text: string }[] = [];
      kernel.at(0, () =>
        this.#judge((invariant) => {
          const { id } = invariant;
          invariant.settled?.(this, (text) => void reports.push({ id, text }));
        }),
      );
      if (!kernel.advance(kernel.nowMs + lookMs)) return false;
      const [first] = reports;
      if (first === undefined) return true;
      if (kernel.nowMs < untilMs) continue;
      kernel.fail(first.id, first.text);
      return false;
    }
  }

  fail({ id }: { readonly id: string }, text: string): void {
    this.kernel.fail(id, text);
  }

  push(agent: number, file: string): void {
    const commit = this.gitlab.push(agent, file);
    this.kernel.log(`push ${commit.slice(-6)} for agent${agent}`);
    const event = { projectId: 1000n + BigInt(agent), projectPath: `group/agent-${agent}` };
    if (this.store.push(event)) this.#toldMs.set(agentIdOf(agent), this.kernel.nowMs);
  }

  toldMs(agentId: bigint): number | undefined {
    return this.#toldMs.get(agentId);
  }

  pushManifests(agent: number, change: ManifestChange, at: number): void {
    const repository = this.projects[agent]?.repository;
    if (repository === undefined) return;
    repository.push(change, at);
    const { id, objects } = repository.head;
    this.kernel.log(
      `manifests ${id.slice(-6)} for agent${agent}: ${change}, ${[...objects.keys()].join(' ')}`,
    );
    this.tally.count(`manifests ${change}`);
    this.store.push({ projectId: manifestProjectId(agent), projectPath: manifestPath(agent) });
  }

  killKas(host: KasHost, power: boolean): void {
    const open = this.book.openAt(host);
    host.kill(power);
    for (const request of open) {
      request.orphaned = true;
      request.leave();
    }
  }

  killAgent(host: AgentHost, power: boolean): void {
    host.kill(power);
    for (const request of this.book.all) if (request.planned.agent === host.agent) request.working = false;
  }

  #manifestProjects(): readonly ManifestProject[] {
    const { plan, kernel } = this;
    if (plan.manifests === undefined) return [];
    const judge: ProjectJudge = {
      pruning: (project, name) => {
        kernel.log(`agent${project.agent} asks for the end of ${name}`);
        this.#judge((invariant) => invariant.pruning?.(this, project, name));
      },
      touched: (project, name) => this.#judge((invariant) => invariant.touched?.(this, project, name)),
    };
    return Array.from({ length: plan.agents }, (_, agent) => new ManifestProject(agent, kernel, judge));
  }

  /** What nobody can read is pushed over before all must be well. */
  #mendManifests(): void {
    for (const { agent, repository } of this.projects) {
      if (repository.head.broken) this.pushManifests(agent, 'change', 0);
    }
  }

  #prepare(): void {
    const { kernel, plan } = this;
    const random = kernel.random.fork('start');
    for (const host of this.kas) kernel.at(0, () => host.start());
    for (const host of this.agents) kernel.at(random.between(0, startMsMax), () => host.start());
    for (const fault of plan.faults) kernel.at(fault.atMs, () => doFault(this, fault));
    for (const { atMs, agent, level } of plan.pushes) {
      kernel.at(atMs, () => this.push(agent, configurationFile(level)));
    }
    for (const { atMs, agent, change, at } of plan.manifests ?? []) {
      kernel.at(atMs, () => this.pushManifests(agent, change, at));
    }
    this.#admitAll(false);
  }

  #admitAll(probes: boolean): void {
    for (const request of this.book.all) {
      if (request.probe === probes) this.kernel.at(request.planned.atMs, () => this.#admit(request));
    }
  }

  #admit(request: BookedRequest): void {
    const { planned, id } = request;
    const host = this.#kasFor(request);
    const http = host?.http;
    if (host === undefined || http === undefined) return this.tally.count('request found no kas');
    request.kas = host;
    request.admittedMs = this.kernel.nowMs;
    this.kernel.log(`request ${id} for agent${planned.agent} comes to ${host.name}`);
    const { agent, bodyBytes } = planned;
    const leave = sendRequest(http, { request: id, agent, bodyBytes }, (seen) => {
      request.seen = seen;
      request.endedMs = this.kernel.nowMs;
      const how = request.orphaned ? 'orphaned' : request.left ? 'left' : `${seen.status}`;
      this.kernel.log(`request ${id} ends: ${how}${seen.whole ? '' : ' in part'}`);
      this.tally.count(`request ${how}`);
      if (!request.left && !request.orphaned) this.#judge((invariant) => invariant.ended?.(this, request));
    });
    request.leave = leave;
    this.kernel.at(planned.patienceMs, () => {
      if (request.seen !== undefined) return;
      request.left = true;
      this.kernel.log(`the user of request ${id} leaves`);
      leave();
      this.kernel.at(0, () => this.#judge((invariant) => invariant.left?.(this, request)));
    });
  }

  #kasFor({ planned }: BookedRequest): KasHost | undefined {
    const ready = this.kas.filter((host) => host.ready);
    const having = planned.routed ? ready.filter((host) => this.#has(host, planned.agent)) : [];
    const choice = having.length > 0 ? having : ready;
    return choice[planned.kas % Math.max(1, choice.length)];
  }

  #has({ server }: KasHost, agent: number): boolean {
    return (server?.parts.directory.idleOf(agentIdOf(agent)) ?? 0) > 0;
  }

  /** What a balancer would offer an agent: kas that are ready, or any when none is. */
  #balanced(): readonly string[] {
    const ready = this.kas.filter((host) => host.ready);
    return (ready.length > 0 ? ready : this.kas).map(({ name }) => name);
  }

  #moved(process: SimulatedProcess, transition: ObservedTransition): void {
    if (!process.alive) return;
    const { actorId, from, to, event } = transition;
    this.tally.moved(transition);
    this.lives.moved(process, transition);
    this.#judge((invariant) => invariant.moved?.(this, process, transition));
    process.log(`${actorId} ${from} > ${to} on ${event}`);
  }

  #look(): void {
    if (this.kernel.nowMs < this.#nextLookMs) return;
    this.#nextLookMs = this.kernel.nowMs + lookEachMs;
    this.#judge((invariant) => invariant.looked?.(this));
  }

  #judge(ask: (invariant: Invariant) => void): void {
    for (const invariant of invariants) ask(invariant);
  }
}
