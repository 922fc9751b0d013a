/** What is looked at: the settings agentk would run with, and what only a doctor is asked for. */
import type { AgentkOptions } from '../../agentk/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import type { Finding } from '../finding.ts';

export interface AgentExamination {
  readonly options: Omit<AgentkOptions, 'ports' | 'token' | 'pod'>;
  readonly token: string | undefined;
  readonly pod: AgentkOptions['pod'] | undefined;
  /** Keeps the connection idle so long. */
  readonly idleMs: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly onFinding: (finding: Finding) => void;
}
