/** The `grpc-timeout` header: at most eight digits and a unit. */

/** The longest wait a timer of Node can hold; a longer deadline is no deadline for a stream's life. */
export const timerMsMax = 2 ** 31 - 1;

const digitsMax = 8;
const unitMs: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);

/** The milliseconds a header value allows; undefined when it is malformed. */
export function parseTimeout(value: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value);
  const unit = unitMs.get(match?.[2] ?? '');
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** The header value for a number of milliseconds, rounded up to what eight digits can say. */
export function formatTimeout(deadlineMs: number): string {
  const limit = 10 ** digitsMax;
  for (const unit of ['m', 'S', 'M']) {
    const amount = Math.ceil(deadlineMs / (unitMs.get(unit) ?? 1));
    if (amount < limit) return `${amount}${unit}`;
  }
  return `${Math.min(limit - 1, Math.ceil(deadlineMs / 3_600_000))}H`;
}
