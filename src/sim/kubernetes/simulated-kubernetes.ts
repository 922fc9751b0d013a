/** The composition of the simulated cluster. */
import type { Clock, Log, Random } from '../../ports/index.ts';

export interface SimulatedUser {
  readonly username: string;
  readonly groups: readonly string[];
}

/** One answered request, as an audit log would tell it. */
export interface AuditEntry {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** The authenticated caller; empty for a refused stranger. */
  readonly username: string;
  readonly groups: readonly string[];
  /** Whom the caller acted as, when it asked to. */
  readonly impersonated?: {
    readonly username: string;
    readonly uid: string;
    readonly groups: readonly string[];
    readonly extra: Readonly<Record<string, readonly string[]>>;
  };
  readonly decision: 'allow' | 'forbid' | 'unauthenticated';
}

export interface SimulatedKubernetesOptions {
  readonly clock: Clock;
  readonly random?: Random;
  readonly log: Log;
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  /** 0 (any free port) unless told. */
  readonly port?: number;
  readonly tokens?: Readonly<Record<string, SimulatedUser>>;
  /** Fills the cluster with a small life to look at. */
  readonly seedDemo?: boolean;
}

export interface SimulatedKubernetes {
  readonly url: string;
  readonly caPem?: undefined;
  /** A token of `system:masters`. */
  readonly adminToken: string;
  kubeconfig(): string;
  requests(): readonly AuditEntry[];
  stop(): Promise<void>;
}

export async function startSimulatedKubernetes(
  options: SimulatedKubernetesOptions,
): Promise<SimulatedKubernetes> {
  throw new Error(`not written yet: ${String(options.port)}`);
}
