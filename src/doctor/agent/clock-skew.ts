/** The clock of this machine against what others said: tokens and certificates are judged by it. */
import type { Report } from '../finding.ts';
import { doctorLimits } from '../limits.ts';
import type { Seen } from './ascent.ts';

export function compareClocks({ dates }: Seen, report: Report): void {
  const [part, rung] = ['clock', 'clock'];
  const known = dates.flatMap(({ from, date, nowMs }) => {
    const theirs = Date.parse(date);
    return Number.isNaN(theirs) ? [] : [{ from, aheadMs: nowMs - theirs }];
  });
  if (known.length === 0) {
    report.add({ part, rung, verdict: 'skipped', observed: 'nobody on the way told its time' });
    return;
  }
  for (const { from, aheadMs } of known) {
    // A Date header has whole seconds and was written a moment ago.
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    const direction = aheadMs > 0 ? 'ahead of' : 'behind';
    const isBad = Math.abs(aheadMs) > doctorLimits.clockSkewMsMax;
    report.add({
      part,
      rung,
      verdict: isBad ? 'bad' : 'good',
      observed: seconds <= 2 ? `agrees with ${from}` : `${seconds} s ${direction} ${from}`,
      ...(isBad
        ? {
            remedy:
              'One of the two clocks is wrong: switch time synchronisation on (chrony, systemd-timesyncd) on both, ' +
              'else certificates and tokens are refused as expired or not yet valid',
          }
        : {}),
    });
  }
}
