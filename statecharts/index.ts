/** The control plane as data: every machine by name, and the list that the chart pictures and the chart tests walk. */
import type { AnyStateMachine } from 'xstate';

export interface Chart {
  /** File name without `.ts`. */
  readonly name: string;
  readonly machine: AnyStateMachine;
  /** Runs compiled (`src/supervisor/compile.ts`) because one is created or stepped per request. */
  readonly hot?: boolean;
}

/** Alphabetical. */
export const charts: readonly Chart[] = [];
