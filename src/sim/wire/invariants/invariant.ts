/** The form of an invariant. */
import type { World } from '../world.ts';

/** What must hold in every run. */
export interface Invariant {
  /** Names it in failures. */
  readonly id: string;
  /** Why it must hold. */
  readonly reason: string;
  /** Prepares for a world; answers what is checked after each event, and what at the end, when all programs have ended. */
  watch(
    world: World,
    fail: (text: string) => void,
  ): {
    readonly step?: () => void;
    readonly end?: () => void;
  };
}
