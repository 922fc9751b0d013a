/** What must hold in every world, whatever goes wrong in it. */
import type { BookedRequest } from '../request-book.ts';
import type { AgentHost } from '../agent-host.ts';
import type { ManifestProject } from '../manifest-project.ts';
import type { ObservedTransition } from '../../../supervisor/index.ts';
import type { Stay } from '../life-book.ts';
import type { Scene } from '../scene.ts';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { StoreWrite } from '../simulated-store.ts';

export interface Invariant {
  readonly id: string;
  /** Why it must hold; for whoever meets its violation. */
  readonly reason: string;
  /** A request has reached the cluster of an agent. */
  arrived?(world: Scene, request: BookedRequest, agent: number, life: number): void;
  /** A request has ended for its user. */
  ended?(world: Scene, request: BookedRequest): void;
  /** Right after a user left. */
  left?(world: Scene, request: BookedRequest): void;
  /** agentk asks for the end of an object of its manifest project. */
  pruning?(world: Scene, project: ManifestProject, name: string): void;
  /** agentk has changed or ended what a stranger made. */
  touched?(world: Scene, project: ManifestProject, name: string): void;
  /** An agent dials. */
  dialled?(world: Scene, agent: AgentHost): void;
  /** An agent applies a configuration. */
  configured?(world: Scene, agent: AgentHost): void;
  /** An actor has changed its state. */
  moved?(world: Scene, process: SimulatedProcess, transition: ObservedTransition): void;
  /** An actor has left a state. */
  stayed?(world: Scene, stay: Stay): void;
  /** Something was written into the shared store. */
  stored?(world: Scene, write: StoreWrite): void;
  /** Every other second, between two steps. */
  looked?(world: Scene): void;
  /**
   * All is whole, since a while: reports what is not as it must be. It need not be so at once, but before long; the last
   * report counts.
   */
  settled?(world: Scene, report: (text: string) => void): void;
  /** All agents were asked to stop, and have had their time; every kas still runs. */
  agentsStopped?(world: Scene): void;
  /** Everything was asked to stop, and has had its time. */
  stopped?(world: Scene): void;
}
