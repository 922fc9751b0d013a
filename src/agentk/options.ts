/** What an agent process is made of: everything the command line and the environment decide, and the ports. */
import type { Clock, Log, LogLevel, Metrics, Random } from '../ports/index.ts';
import type { BuildInfo } from './build-info.ts';
import type { PruneGuard } from './gitops/index.ts';
import type { KubernetesFlags } from './kubernetes/index.ts';
import type { PodIdentity } from './registration.actor.ts';

export interface ObservabilityListen {
  /** `tcp`, `tcp4`, `tcp6` or `unix`. */
  readonly network: string;
  /** `[host]:port`, or the socket's path. */
  readonly address: string;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

export interface AgentkPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly setLogLevel: (level: LogLevel) => void;
  readonly metrics: Metrics;
  /** The exposition of everything in `metrics`. */
  readonly expose: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

export interface AgentkOptions {
  /** `--kas-address`. */
  readonly kasAddress: string;
  /** The agent token, already trimmed. */
  readonly token: string;
  /** `Name: value` each. */
  readonly kasHeaders: readonly string[];
  readonly kasCaFile?: string | undefined;
  readonly kasServerName?: string | undefined;
  readonly kasSkipVerify?: boolean | undefined;
  readonly pod: PodIdentity;
  readonly build: BuildInfo;
  /** Without it nothing listens. */
  readonly observability?: ObservabilityListen | undefined;
  /** When GitOps asks before it deletes; default: before it deletes everything. */
  readonly gitopsGuard?: PruneGuard | undefined;
  readonly kubernetes: KubernetesFlags;
  /** `--request-timeout`: no call of agentk's own may take longer. */
  readonly kubernetesCallMsMax?: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Upper bound of the random wait before the first dial; default `agentkLimits.startDelayMsMax`. */
  readonly startDelayMsMax?: number | undefined;
  /** What a stop may take; default `agentkLimits.drainMs`. */
  readonly drainMs?: number | undefined;
  readonly ports: AgentkPorts;
}
