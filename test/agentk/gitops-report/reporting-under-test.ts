/** The reporting of manifest projects with a real connection to a kas, on a clock that stands still, and a cluster that is played. */
import { connect, type ClientHttp2Session } from 'node:http2';
import { createSyncReporting, type SyncReporter } from '../../../src/agentk/gitops-report/index.ts';
import { createKasCaller } from '../../../src/agentk/kas-caller.ts';
import type { ClusterFailure, ClusterOutcome, KubeObject } from '../../../src/agentk/kubernetes/index.ts';
import { LinkBoard } from '../../../src/agentk/link/index.ts';
import { createMetrics } from '../../../src/host/index.ts';
import { Registry, Supervisor } from '../../../src/supervisor/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';
import { turn } from '../../kas/waiting.ts';

type Client = Parameters<typeof createSyncReporting>[0]['client'];

/** The Events of a cluster. */
export class PlayedEvents {
  readonly written: KubeObject[] = [];
  readonly patches: { readonly name: string; readonly body: object }[] = [];
  /** What `list` finds, by name of the object. */
  readonly known = new Map<string, readonly KubeObject[]>();
  refusal: ClusterFailure | undefined;
  patchRefusal: ClusterFailure | undefined;
  readonly selectors: (string | undefined)[] = [];

  readonly client: Client = {
    create: async (_type, _namespace, body) => {
      if (this.refusal !== undefined) return this.refusal;
      this.written.push(body as KubeObject);
      return { kind: 'ok', value: body as KubeObject };
    },
    patch: async (_type, { name }, body): Promise<ClusterOutcome<KubeObject>> => {
      if (this.patchRefusal !== undefined) return this.patchRefusal;
      this.patches.push({ name, body: body as object });
      return { kind: 'ok', value: { apiVersion: 'v1', kind: 'Event', metadata: { name } } };
    },
    list: async (_type, options) => {
      const { fieldSelector } = options ?? {};
      if (this.refusal !== undefined) return this.refusal;
      this.selectors.push(fieldSelector);
      const name = fieldSelector?.split('=').at(-1) ?? '';
      return { kind: 'ok', value: { items: this.known.get(name) ?? [], resourceVersion: '1', continue: '' } };
    },
  };
}

export class ReportingUnderTest {
  readonly clock = new VirtualClock();
  readonly log = new RecordingLog();
  readonly events = new PlayedEvents();
  readonly reporter: SyncReporter;
  readonly #board = new LinkBoard();
  readonly #registry = createMetrics({ processMetrics: false });
  readonly #root: Supervisor;
  readonly #sessions: ClientHttp2Session[] = [];

  constructor(token: string) {
    const { clock, log } = this;
    const { metrics } = this.#registry;
    const random = new SeededRandom(1);
    const env = { clock, random, registry: new Registry(), report: () => {} };
    const caller = createKasCaller({
      token,
      headers: new Map(),
      authority: 'kas',
      userAgent: 'agentk-test',
      clock,
      log,
      metrics,
    });
    const { reporter, child } = createSyncReporting({
      client: this.events.client,
      board: this.#board,
      caller,
      env,
      clock,
      random,
      log,
      metrics,
    });
    this.reporter = reporter;
    this.#root = new Supervisor({ id: 'test', strategy: 'one_for_one', children: [child] }, env);
  }

  start(): Promise<void> {
    return this.#root.start();
  }

  /** A new connection to the kas on this port. */
  async link(port: number): Promise<void> {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    await new Promise<void>((resolve) => session.once('connect', () => resolve()));
    this.#sessions.push(session);
    this.#board.announce({ incarnation: this.#sessions.length, session });
  }

  unlink(): void {
    this.#board.withdraw();
    this.#sessions.at(-1)?.destroy();
  }

  async metric(line: string): Promise<number> {
    const { body } = await this.#registry.expose();
    const found = body.split('\n').find((one) => one.startsWith(`${line} `));
    return Number(found?.split(' ').at(-1) ?? 0);
  }

  /** Calls of `Report` that were begun. */
  get reports(): Promise<number> {
    const labels = 'grpc_type="unary",grpc_service="kastor.report.SyncReports",grpc_method="Report"';
    return this.metric(`grpc_client_started_total{${labels}}`);
  }

  /** Calls of `Report` that ended with this code. */
  ended(code: string): Promise<number> {
    const labels = 'grpc_type="unary",grpc_service="kastor.report.SyncReports",grpc_method="Report"';
    return this.metric(`grpc_client_handled_total{${labels},grpc_code="${code}"}`);
  }

  async stop(): Promise<void> {
    let isStopped = false;
    const stopped = this.#root.stop('test').then(() => (isStopped = true));
    while (!isStopped) {
      await turn();
      await this.clock.advanceAsync(10);
    }
    await stopped;
    for (const session of this.#sessions) session.destroy();
  }
}
