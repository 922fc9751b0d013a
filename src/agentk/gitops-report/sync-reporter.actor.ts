/** Gives `statecharts/sync-reporter.ts` its hands: the `Report` calls to kas. */
import { fromPromise, type AnyActorLogic } from 'xstate';
import {
  syncReporterBackoffMs,
  syncReporterDelays,
  syncReporterMachine,
  type ReportOutcome,
} from '../../../statecharts/index.ts';
import { callUnary } from '../../pipe/grpc/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { methods, StatusCode, statusText } from '../../protocol/index.ts';
import { guarded } from '../../supervisor/index.ts';
import type { KasCaller } from '../kas-caller.ts';
import { followLink, noticeLink, type LinkBoard } from '../link/index.ts';
import { OncePerChange } from '../once-per-change.ts';
import { reportLimits } from './limits.ts';
import type { ReportBook } from './report-book.ts';

export interface SyncReporterDeps {
  readonly book: ReportBook;
  readonly board: LinkBoard;
  readonly caller: KasCaller;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Its input is `{ reporterId }`. */
export function createSyncReporterLogic(deps: SyncReporterDeps): AnyActorLogic {
  const { book, board, random, log } = deps;
  const report = reporting(deps);
  return guarded(
    syncReporterMachine.provide({
      actors: {
        link: followLink(board),
        report: fromPromise(({ input, signal }) => report(input.incarnation, signal)),
      },
      actions: {
        awaitLink: noticeLink(board),
        markAll: () => book.everythingIsNews(),
        reportCrash: (_, { reason }) => log.error('A report to kas failed unexpectedly', { reason }),
      },
      delays: {
        backoff: ({ context }) =>
          syncReporterBackoffMs(context.failures) * (1 + random.next() * syncReporterDelays.backoffJitter),
      },
    }),
  );
}

function reporting({ book, board, caller, clock, log }: SyncReporterDeps) {
  const troubles = new OncePerChange();
  return async (incarnation: number, signal: AbortSignal): Promise<ReportOutcome> => {
    const live = board.current;
    if (live?.incarnation !== incarnation) return { kind: 'lost' };
    const batch = book.take();
    if (batch === undefined) return { kind: 'reported', more: false };
    const answer = await callUnary(live.session, methods.report, batch.request, caller.metadata, {
      ...caller.options,
      gzip: true,
      deadlineMs: reportLimits.reportMs,
      signal,
    });
    if ('ok' in answer) {
      troubles.forget();
      return { kind: 'reported', more: book.hasNews };
    }
    book.putBack(batch);
    const { status } = answer;
    if (status.code === StatusCode.Unimplemented) {
      log.debug('kas takes no reports of manifest projects');
      return { kind: 'unimplemented' };
    }
    if (signal.aborted || board.current?.incarnation !== incarnation) return { kind: 'lost' };
    board.noteStatus(incarnation, status);
    const reason = statusText(status);
    if (troubles.changed(reason) !== undefined) {
      log.warn('kas did not take the report of manifest projects, it is told again', { reason });
    }
    return { kind: 'failed', atMs: clock.monotonic() };
  };
}
