/**
 * What a module of agentk is (`spec/agentk.md §3.2`). A module is started and stopped by `statecharts/module.ts`; it gets
 * the newest configuration when it starts and whenever that changes.
 */
import type { AgentConfiguration } from '../../protocol/index.ts';

/** A running module. */
export interface RunningModule {
  /** The newest configuration; called once after the start and then for each change. Must not throw for bad values. */
  configure(configuration: AgentConfiguration | undefined): void;
  /** Ends everything the module started. */
  stop(): Promise<void>;
}

export interface AgentModule {
  /** As in the original: `observability`, `kubernetes_api`, ... */
  readonly name: string;
  /** Runs on the replica that leads, and only there. */
  readonly leaderOnly?: boolean;
  /** What is wrong with a configuration for this module; one module's refusal keeps all modules on the old one. */
  check(configuration: AgentConfiguration): string | undefined;
  /** Whether it should run; `undefined` before any configuration came. */
  wanted(configuration: AgentConfiguration | undefined): boolean;
  /** Starts it. `failed` reports an end it did not ask for. Rejects when it cannot start. */
  start(
    failed: (reason: string) => void,
    signal: AbortSignal,
    configuration: AgentConfiguration | undefined,
  ): Promise<RunningModule>;
}
