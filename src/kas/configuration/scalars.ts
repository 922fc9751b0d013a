/** The scalar forms of kas's configuration file (`spec/kas.md §2.1`). */
import { z } from 'zod';

/** `"300s"`, `"0.5s"`: decimal seconds with the unit, as protobuf JSON writes durations. Becomes milliseconds. */
export function duration(defaultMs: number, rule: 'positive' | 'notNegative' = 'positive') {
  return z
    .string({ error: 'expected a duration in seconds such as "300s"' })
    .regex(
      /^-?\d{1,12}(\.\d{1,9})?s$/,
      'expected a duration in seconds such as "300s" (minutes and hours are not accepted)',
    )
    .transform((text) => Number(text.slice(0, -1)) * 1000)
    .refine((ms) => (rule === 'positive' ? ms > 0 : ms >= 0), {
      error:
        rule === 'positive' ? 'value must be greater than 0s' : 'value must be greater than or equal to 0s',
    })
    .default(defaultMs);
}

/** An unsigned number; an explicit zero means "not set" and gives the default, as in the originals. */
export function count(defaultValue: number) {
  return z
    .union([z.number(), z.string().regex(/^\d+$/, 'expected a whole number').transform(Number)])
    .refine((n) => Number.isInteger(n) && n >= 0 && n <= 0xffff_ffff, {
      error: 'expected a whole number from 0 to 4294967295',
    })
    .transform((n) => (n === 0 ? defaultValue : n))
    .default(defaultValue);
}

export const network = z.enum(['tcp', 'tcp4', 'tcp6', 'unix'], {
  error: 'expected one of tcp, tcp4, tcp6, unix',
});

export const logLevel = z.enum(['debug', 'info', 'warn', 'error'], {
  error: 'expected one of debug, info, warn, error',
});

/** A certificate and its key: both or neither. */
export function bothOrNeither(pair: { certificate_file: string; key_file: string }): boolean {
  return (pair.certificate_file === '') === (pair.key_file === '');
}
