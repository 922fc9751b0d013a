/**
 * Reports of manifest projects: to kas, to the cluster as Kubernetes Events, and as metrics. The work itself tells a `SyncReporter`, which
 * returns at once; two actors carry it on.
 */
import { fromPromise } from 'xstate';
import { workQueueMachine } from '../../../statecharts/index.ts';
import type { Clock, Log, Metrics, Random } from '../../ports/index.ts';
import { guarded, Supervisor, type SomeChildSpec, type SupervisorEnv } from '../../supervisor/index.ts';
import type { KasCaller } from '../kas-caller.ts';
import type { ClusterClient } from '../kubernetes/index.ts';
import type { LinkBoard } from '../link/index.ts';
import { ClusterNotes } from './cluster-notes.ts';
import { ReportBook } from './report-book.ts';
import { SyncMetrics } from './sync-metrics.ts';
import { createSyncReporterLogic } from './sync-reporter.actor.ts';
import type { SyncReporter } from './sync-reporter.ts';

export type { SyncReporter } from './sync-reporter.ts';

export interface SyncReportingDeps {
  readonly client: Pick<ClusterClient, 'create' | 'patch' | 'list'>;
  readonly board: LinkBoard;
  readonly caller: KasCaller;
  readonly env: SupervisorEnv;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface SyncReporting {
  readonly reporter: SyncReporter;
  readonly child: SomeChildSpec;
}

const reporterName = 'sync-reporter';
const notesName = 'sync-notes';

export function createSyncReporting(deps: SyncReportingDeps): SyncReporting {
  const { client, env, clock, random, log, metrics } = deps;
  const book = new ReportBook(clock, random.int63());
  const told = new SyncMetrics(clock, metrics);
  const notes = new ClusterNotes({
    client,
    onLastEvent: (project, id, text) => {
      if (book.ledger(project)?.noteLastEvent(id, text) === true) book.changed(project);
    },
    clock,
    log,
  });
  book.onNews = () => {
    env.registry.send(reporterName, { type: 'state.changed' });
  };
  notes.onWork = () => {
    env.registry.send(notesName, { type: 'work.added' });
  };
  const notesLogic = workQueueMachine.provide({
    actors: { work: fromPromise(({ signal }) => notes.work(signal)) },
    actions: {
      reportCrash: (_, { reason }) => log.error('A note to the cluster failed unexpectedly', { reason }),
    },
  });
  const children: readonly SomeChildSpec[] = [
    {
      id: reporterName,
      name: reporterName,
      logic: createSyncReporterLogic({ ...deps, book }),
      input: { reporterId: reporterName },
    },
    { id: notesName, name: notesName, logic: guarded(notesLogic), input: { queueId: notesName } },
  ];
  return {
    reporter: reporterOf(book, notes, told),
    child: {
      id: 'sync-reports',
      supervisor: () => new Supervisor({ id: 'sync-reports', strategy: 'one_for_one', children }, env),
    },
  };
}

function reporterOf(book: ReportBook, notes: ClusterNotes, metrics: SyncMetrics): SyncReporter {
  return {
    follow: (projects) => {
      book.follow(projects);
      notes.keep(new Set(projects.map(({ id }) => id)));
    },
    rejected: ({ id }, commitId, reason) => {
      book.ledger(id)?.reject(commitId, reason);
      book.changed(id);
    },
    note: ({ id }, commitId, event) => {
      book.ledger(id)?.note(commitId, event);
      book.changed(id);
    },
    ended: ({ id }, commitId, result, inventory) => {
      const ledger = book.ledger(id);
      if (ledger === undefined) return;
      ledger.end(commitId, result);
      book.changed(id);
      metrics.ended(id, result, ledger.lastedMs);
      if (result.kind === 'cancelled') return;
      notes.add({ project: id, commitId, result, inventory, failing: ledger.failing() });
    },
  };
}
