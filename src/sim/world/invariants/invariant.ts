/** What must hold in every world, whatever goes wrong in it. */
import type { BookedRequest } from '../request-book.ts';
import type { AgentHost } from '../agent-host.ts';
import type { ManifestProject } from '../manifest-project.ts';
import type { Scene } from '../scene.ts';

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
  /**
   * All is whole, since a while: reports what is not as it must be. It need not be so at once, but before long; the last
   * report counts.
   */
  settled?(world: Scene, report: (text: string) => void): void;
  /** Everything was asked to stop, and has had its time. */
  stopped?(world: Scene): void;
}
