/** The world as faults and judges see it. */
import type { Kernel } from '../kernel/index.ts';
import type { Http2Frame, SimulatedNetwork } from '../network/index.ts';
import type { AgentHost } from './agent-host.ts';
import type { KasHost } from './kas-host.ts';
import type { ManifestProject } from './manifest-project.ts';
import type { ManifestChange } from './manifest-repository.ts';
import type { LifeBook } from './life-book.ts';
import type { Plan } from './plan.ts';
import type { RequestBook } from './request-book.ts';
import type { SimulatedGitLab } from './simulated-gitlab.ts';
import type { SimulatedStore } from './simulated-store.ts';
import type { Tally } from './tally.ts';

export interface Scene {
  readonly plan: Plan;
  readonly kernel: Kernel;
  readonly network: SimulatedNetwork<Http2Frame>;
  readonly gitlab: SimulatedGitLab;
  readonly store: SimulatedStore;
  readonly kas: readonly KasHost[];
  readonly agents: readonly AgentHost[];
  /** By agent; empty in a plan without GitOps. */
  readonly projects: readonly ManifestProject[];
  readonly book: RequestBook;
  readonly lives: LifeBook;
  readonly tally: Tally;
  /** The invariant is broken; the first that is ends the run. */
  fail(broken: { readonly id: string }, text: string): void;
  /** A push to the configuration project of an agent, of which GitLab tells kas. */
  push(agent: number, file: string): void;
  /** A push to the manifest project of an agent, if it has one, of which GitLab tells kas. */
  pushManifests(agent: number, change: ManifestChange, at: number): void;
  /** When kas was last told of a push for an agent. */
  toldMs(agentId: bigint): number | undefined;
  /** Its process dies; with the host's power or without. */
  killKas(host: KasHost, power: boolean): void;
  killAgent(host: AgentHost, power: boolean): void;
}
