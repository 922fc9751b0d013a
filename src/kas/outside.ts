/**
 * What a kas reaches outside its process, where that is not the machine and the services its configuration names but a
 * simulated world (`src/sim/world`). Everything else of kas is the same.
 */
import type { AgentConnections, Front, MakeManifestWorkers } from '../actors/index.ts';
import type { OpenGit } from '../git/index.ts';
import type { GrpcServer } from '../pipe/grpc/index.ts';
import type { Probe } from '../inspect/index.ts';
import type { GitLab, PushEvents, Store } from '../ports/index.ts';
import type { SomeChildSpec, SupervisorEnv, TransitionObserver } from '../supervisor/index.ts';
import type { Listen } from './listen.ts';

/** A front that knows its port; 0 while it does not listen. */
export interface ListeningFront extends Front {
  readonly port: number;
}

/** What several kas share. */
export interface SharedStore {
  readonly store: Store;
  readonly pushEvents: PushEvents;
  /** Readiness probes by name. */
  readonly probes: Readonly<Record<string, Probe>>;
  /** To be started before everything that uses the store. */
  readonly children: (env: SupervisorEnv) => readonly SomeChildSpec[];
}

export interface Outside {
  readonly git: OpenGit;
  readonly store: SharedStore;
  /** Without a memory; kas puts its own in front. */
  readonly gitlab: GitLab;
  readonly manifestWorkers: MakeManifestWorkers;
  /** Takes agents in: sessions and streams go to the server, new connections to their supervisor. */
  readonly agentFront: (parts: {
    readonly grpc: GrpcServer;
    readonly connections: AgentConnections;
  }) => ListeningFront;
  readonly observabilityFront: ListeningFront;
  /** Where the server of the Kubernetes API proxy is bound to. */
  readonly listen: Listen;
  /** Sees every transition besides the recorder. */
  readonly observe: TransitionObserver;
}
