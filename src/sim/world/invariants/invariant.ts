/** What must hold in every world, whatever goes wrong in it. */
import type { BookedRequest } from '../request-book.ts';
import type { AgentHost } from '../agent-host.ts';
import type { World } from '../world.ts';

export interface Invariant {
  readonly id: string;
  /** Why it must hold; for whoever meets its violation. */
  readonly reason: string;
  /** A request has reached the cluster of an agent. */
  arrived?(world: World, request: BookedRequest, agent: number, life: number): void;
  /** A request has ended for its user. */
  ended?(world: World, request: BookedRequest): void;
  /** Right after a user left. */
  left?(world: World, request: BookedRequest): void;
  /** An agent dials. */
  dialled?(world: World, agent: AgentHost): void;
  /** All has been whole for long, and nothing has been stopped yet. */
  settled?(world: World): void;
  /** Everything was asked to stop, and has had its time. */
  stopped?(world: World): void;
}
