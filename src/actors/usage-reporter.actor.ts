/** Gives `statecharts/usage-reporter.ts` its hands: what the tracker has is told to GitLab, and taken away when it was. */
import { fromPromise, type AnyActorLogic } from 'xstate';
import { usageReporterDelays, usageReporterMachine, type UsageVerdict } from '../../statecharts/index.ts';
import type { Clock, GitLab, GitLabResult, Log, Random } from '../ports/index.ts';
import { guarded } from '../supervisor/index.ts';
import { withDeadline } from './deadline-signal.ts';
import { actorTimes } from './limits.ts';
import type { UsageTracker } from './usage-tracker.ts';

export interface UsageReporterDeps {
  readonly tracker: UsageTracker;
  readonly gitlab: Pick<GitLab, 'reportUsage' | 'reportEvents'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The reporter's logic; its input is `{ periodMs }`. */
export function createUsageReporterLogic(deps: UsageReporterDeps): AnyActorLogic {
  const { clock, random, log } = deps;
  return guarded(
    usageReporterMachine.provide({
      actors: {
        report: fromPromise(({ signal }) =>
          withDeadline(clock, signal, actorTimes.usageReportMsMax, (bounded) => report(deps, bounded)),
        ),
      },
      actions: {
        reportTrouble: (_, { reason, failures }) => {
          if (reason === '') return;
          // The first failure in a row is news, and so is what is lost at the end.
          const line = 'GitLab could not be told what was used; it is told with the next report';
          log[failures <= 1 ? 'warn' : 'debug'](line, { reason, failures });
        },
      },
      delays: {
        period: ({ context }) =>
          context.periodMs * (1 + usageReporterDelays.jitter * (2 * random.next() - 1)),
      },
    }),
  );
}

async function report({ tracker, gitlab }: UsageReporterDeps, signal: AbortSignal): Promise<UsageVerdict> {
  const usage = tracker.report();
  const events = tracker.events();
  if (usage === undefined && events === undefined) return { kind: 'nothing' };
  const [usageTold, eventsTold] = await Promise.all([
    usage && gitlab.reportUsage(usage, signal),
    events && gitlab.reportEvents(events, signal),
  ]);
  if (usage !== undefined && usageTold?.kind === 'ok') tracker.told(usage);
  // A GitLab that knows no events has no use for them later either.
  const isOver = eventsTold?.kind === 'ok' || eventsTold?.kind === 'notFound';
  if (events !== undefined && isOver) tracker.toldEvents(events);
  const failure = reasonOf(usageTold) ?? (isOver ? undefined : reasonOf(eventsTold));
  return failure === undefined ? { kind: 'told' } : { kind: 'failed', reason: failure };
}

function reasonOf(result: GitLabResult<undefined> | undefined): string | undefined {
  return result === undefined || result.kind === 'ok' ? undefined : result.reason;
}
