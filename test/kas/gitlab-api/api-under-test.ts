/** The API listener alone, on 127.0.0.1, with ports the test may break. */
import { AgentConnections } from '../../../src/actors/index.ts';
import { createMetrics } from '../../../src/host/index.ts';
import { GrpcFront } from '../../../src/kas/grpc-front.ts';
import { serveGitLabApi } from '../../../src/kas/gitlab-api/services.ts';
import { jwtGate } from '../../../src/kas/jwt-gate.ts';
import { parseListenAddress } from '../../../src/kas/listen.ts';
import { GrpcServer } from '../../../src/pipe/grpc/index.ts';
import type { Git, GitRepository, PushEvents, Store, TreeListing } from '../../../src/ports/index.ts';
import { memoryPushEvents, memoryStore } from '../../../src/store/memory/index.ts';
import { DynamicSupervisor, Registry } from '../../../src/supervisor/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';
import { RailsClient } from './rails-client.ts';

/** Answers listings from a script and remembers what was asked. */
export class ScriptedGit implements Pick<Git, 'listTree'> {
  readonly asked: { repository: GitRepository; revision: string; path: string; recursive: boolean }[] = [];
  listing: TreeListing = { kind: 'tree', entries: [] };

  listTree(
    repository: GitRepository,
    revision: string,
    path: string,
    { recursive }: { readonly recursive: boolean },
  ): Promise<TreeListing> {
    this.asked.push({ repository, revision, path, recursive });
    return Promise.resolve(this.listing);
  }
}

export class ApiUnderTest {
  readonly secret: Buffer;
  readonly clock: VirtualClock;
  readonly log: RecordingLog;
  readonly store: Store;
  readonly pushEvents: PushEvents;
  readonly git: ScriptedGit;
  readonly connections: AgentConnections;
  readonly rails: RailsClient;
  readonly #front: GrpcFront;

  private constructor(front: GrpcFront, connections: AgentConnections, parts: Parts) {
    this.#front = front;
    this.connections = connections;
    this.secret = parts.secret;
    this.clock = parts.clock;
    this.log = parts.log;
    this.store = parts.store;
    this.pushEvents = parts.pushEvents;
    this.git = parts.git;
    this.rails = new RailsClient(front.port, this.secret, () => this.clock.now());
  }

  static async start(broken: { readonly store?: Partial<Store>; readonly pushEvents?: PushEvents } = {}) {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1));
    const log = new RecordingLog();
    const parts: Parts = {
      secret: Buffer.alloc(32, 5),
      clock,
      log,
      store: Object.assign(memoryStore({ clock }), broken.store),
      pushEvents: broken.pushEvents ?? memoryPushEvents(),
      git: new ScriptedGit(),
    };
    const supervisor = new DynamicSupervisor(
      { id: 'api-connections', maxChildren: 10 },
      { clock, random: new SeededRandom(1), registry: new Registry(), report: () => {} },
    );
    await supervisor.start();
    const connections = new AgentConnections({
      supervisor: () => supervisor,
      clock,
      random: new SeededRandom(1),
      log,
      metrics: createMetrics({ processMetrics: false }).metrics,
      ageMsMax: 7_200_000,
      whose: 'api',
    });
    const grpc = new GrpcServer({ clock, log });
    const gate = jwtGate({ secret: () => parts.secret, issuer: 'anyone', connections, clock, log });
    serveGitLabApi(grpc, { ...parts, git: parts.git as ScriptedGit & Git, gate });
    const address = parseListenAddress('tcp', '127.0.0.1:0');
    const front = new GrpcFront({ address, tls: undefined, grpc, connections, log, upMessage: 'up' });
    await front.open(() => {});
    return new ApiUnderTest(front, connections, parts);
  }

  drain(): Promise<void> {
    return this.#front.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.rails.close();
    await this.#front.cut();
  }
}

interface Parts {
  readonly secret: Buffer;
  readonly clock: VirtualClock;
  readonly log: RecordingLog;
  readonly store: Store;
  readonly pushEvents: PushEvents;
  readonly git: ScriptedGit;
}
