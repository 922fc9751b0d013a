/**
 * What becomes of a connection on which agentk says nothing: middleboxes cut those, some with a reset, some without a word.
 * kas pings every 50 s as in normal life, so what survives here survives in use; a ping at the end finds a silent cut.
 */
import type { Clock } from '../../ports/index.ts';
import { agentLinkDelays } from '../../../statecharts/index.ts';
import { describe } from '../../agentk/link/index.ts';
import type { Report } from '../finding.ts';
import { late, within } from '../within.ts';
import type { Reached } from './ascent.ts';
import { drainingRemedy, drainingText } from './greeting.ts';

export async function keepIdle(
  reached: Reached,
  idleMs: number,
  clock: Clock,
  report: Report,
): Promise<void> {
  const [part, rung] = ['kas', 'idle'];
  const since = clock.monotonic();
  const lost = await within(clock, idleMs, () => reached.lost);
  const tookMs = clock.monotonic() - since;
  const seconds = (tookMs / 1_000).toFixed(1);
  if (reached.isSentAway()) {
    report.add({
      part,
      rung: 'HTTP/2',
      verdict: 'bad',
      observed: drainingText,
      remedy: drainingRemedy,
      tookMs,
    });
  } else if (lost !== late) {
    const observed = `an idle connection was cut after ${seconds} s: ${describe(lost).reason}`;
    report.add({ part, rung, verdict: 'bad', observed, remedy: idleRemedy, tookMs });
  } else if (await isSilent(reached, clock)) {
    const observed = `an idle connection is dead after ${seconds} s, and nobody said so: a ping was not answered`;
    report.add({ part, rung, verdict: 'bad', observed, remedy: idleRemedy, tookMs });
  } else {
    report.add({
      part,
      rung,
      verdict: 'good',
      observed: `an idle connection lives after ${seconds} s`,
      tookMs,
    });
  }
}

const idleRemedy =
  'Something between here and kas cuts idle connections: it must allow 60 s and more ' +
  '(nginx: proxy_read_timeout; load balancers and firewalls: idle timeout)';

async function isSilent({ session }: Reached, clock: Clock): Promise<boolean> {
  const answered = await within(
    clock,
    agentLinkDelays.pingAckMs,
    () => new Promise<boolean>((resolve) => void session.ping((error) => resolve(error === null))),
  );
  return answered !== true;
}
