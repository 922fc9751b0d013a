/**
 * The API server of one agent's cluster. It serves the work of the plan's requests and knows of each what became of it; the rest of the API is
 * a cluster with Leases, and with the objects of a manifest project where the plan has one. How requests come: `cluster-dispatcher.ts`.
 */
import type { ApiServer } from '../../agentk/index.ts';
import { ClusterDispatcher, type ClusterBackend } from './cluster-dispatcher.ts';
import { refusal, type Answer, type ClusterJudge, type ClusterTrouble } from './cluster-work.ts';
import type { ManifestProject } from './manifest-project.ts';
import type { SimulatedProcess } from './simulated-process.ts';

interface Lease {
  version: number;
  body: Record<string, unknown>;
}

const leasePath = /^\/apis\/coordination\.k8s\.io\/v1\/namespaces\/[^/]+\/leases(?:\/([^/?]+))?/;
const versionWayMs = { min: 0.2, max: 5 } as const;

/** What a cluster keeps while its agents come and go. */
export class SimulatedCluster implements ClusterBackend {
  readonly agent: number;
  readonly judge: ClusterJudge;
  readonly #leases = new Map<string, Lease>();
  readonly #troubles = new Map<ClusterTrouble, number>();

  readonly project: ManifestProject | undefined;
  readonly #led: boolean;

  /** @param led another replica holds every Lease, and renews it */
  constructor(agent: number, judge: ClusterJudge, led: boolean, project?: ManifestProject) {
    this.agent = agent;
    this.judge = judge;
    this.project = project;
    this.#led = led;
  }

  /** Another replica has every Lease for a while; what it leaves behind must expire. */
  lead(nowMs: () => number): () => void {
    const undo = this.trouble('leads');
    return () => {
      undo();
      for (const [name, { version: before }] of this.#leases) {
        const left = JSON.parse(heldByAnother(nowMs()).text) as Record<string, unknown>;
        const made = before + 1;
        this.#leases.set(name, {
          version: made,
          body: { ...left, metadata: { name, resourceVersion: String(made) } },
        });
      }
    };
  }

  trouble(kind: ClusterTrouble): () => void {
    this.#troubles.set(kind, (this.#troubles.get(kind) ?? 0) + 1);
    return () => void this.#troubles.set(kind, (this.#troubles.get(kind) ?? 1) - 1);
  }

  has(kind: ClusterTrouble): boolean {
    return (this.#troubles.get(kind) ?? 0) > 0;
  }

  /** The cluster as one life of its agent reaches it. */
  serverOf(process: SimulatedProcess, life: number): ApiServer {
    const dispatcher = new ClusterDispatcher(this, process, life);
    return {
      target: {
        origin: 'http://cluster.simulated',
        basePath: '',
        dispatcher,
        authorization: () => 'Bearer simulated',
      },
      version: (signal) =>
        process.ask<ReturnType<typeof version>>(
          { there: process.ways.between(versionWayMs.min, versionWayMs.max), back: 0 },
          () => (this.has('fails') || this.has('refuses') ? undefined : version()),
          { signal, given: () => undefined },
        ),
      load: () => ({ running: dispatcher.running, waiting: 0 }),
      close: () => Promise.resolve(),
    };
  }

  /** What becomes of a Lease. */
  answer(method: string, path: string, body: string, nowMs: number): Answer | undefined {
    const lease = leasePath.exec(path);
    if (lease === null) return undefined;
    if (this.#led || this.has('leads')) return method === 'GET' ? heldByAnother(nowMs) : conflict;
    const given = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
    const metadata = (given['metadata'] ?? {}) as Record<string, unknown>;
    const name = lease[1] ?? (typeof metadata['name'] === 'string' ? metadata['name'] : '');
    const known = this.#leases.get(name);
    if (method === 'GET') return known === undefined ? notFound : shown(known);
    if (method === 'POST' && known !== undefined) return conflict;
    if (method === 'PUT') {
      if (known === undefined) return notFound;
      if (metadata['resourceVersion'] !== String(known.version)) return conflict;
    }
    const version = (known?.version ?? 0) + 1;
    const kept = { ...given, metadata: { ...metadata, name, resourceVersion: String(version) } };
    const made: Lease = { version, body: kept };
    this.#leases.set(name, made);
    return shown(made);
  }
}

function version() {
  return { major: '1', minor: '33', gitVersion: 'v1.33.0', platform: 'linux/amd64' } as
    | {
        readonly major: string;
        readonly minor: string;
        readonly gitVersion: string;
        readonly platform: string;
      }
    | undefined;
}

/** A Lease that somebody else renews every five seconds. */
function heldByAnother(nowMs: number): Answer {
  const renewals = Math.floor(nowMs / 5_000);
  return {
    status: 200,
    text: `{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"lease","resourceVersion":"${renewals}"},"spec":{"holderIdentity":"another-pod","leaseDurationSeconds":15,"leaseTransitions":${renewals}}}`,
  };
}

const shown = ({ body }: Lease): Answer => ({ status: 200, text: JSON.stringify(body) });
const notFound = refusal(404, 'NotFound');
const conflict = refusal(409, 'Conflict');
