/**
 * The scalar forms of kas's configuration file (`spec/kas.md §2.1`): what protobuf JSON accepts for each type, and what
 * the originals check beyond it.
 *
 * S1. A zero of a type that cannot say "not set" (number, text, false) means the default; a duration of "0s" is kept.
 * S2. What has the wrong form is a form error, what has a wrong value a rule error: they are told under different prefixes.
 */
import { z } from 'zod';

const durationForm = /^[+-]?\d{1,12}(\.\d{1,9})?s$/;
const durationHint =
  'expected a duration in seconds with its unit, in quotes, such as "300s" (minutes and hours are not accepted)';

export type DurationRule = 'positive' | 'notNegative';

/** `"300s"`, `"0.5s"`: decimal seconds with the unit. Becomes milliseconds. Without a default it may be missing. */
export function durationIfSet(rule: DurationRule = 'positive') {
  return z
    .string({ error: durationHint })
    .regex(durationForm, durationHint)
    .transform((text) => Number(text.slice(0, -1)) * 1000)
    .refine((ms) => (rule === 'positive' ? ms > 0 : ms >= 0), {
      error:
        rule === 'positive' ? 'value must be greater than 0s' : 'value must be greater than or equal to 0s',
    })
    .optional();
}

export function duration(defaultMs: number, rule: DurationRule = 'positive') {
  return durationIfSet(rule).default(defaultMs);
}

const uint32Max = 0xffff_ffff;

/** A whole number, or its text; zero gives the default (S1). */
export function count(defaultValue: number) {
  return wholeNumber(uint32Max)
    .transform((n) => (n === 0 ? defaultValue : n))
    .default(defaultValue);
}

/** A whole number from 0 to `max`, or its text. */
export function wholeNumber(max: number) {
  const error = `expected a whole number from 0 to ${max}`;
  return number(error).check((ctx) => {
    // Not a refinement: a fraction or a number out of range has the wrong form, as in protobuf JSON (S2).
    if (!Number.isInteger(ctx.value) || ctx.value < 0 || ctx.value > max)
      ctx.issues.push({ code: 'invalid_value', values: [], message: error, input: ctx.value });
  });
}

/** A rate per second; zero gives the default (S1). */
export function rate(defaultValue: number) {
  return number('expected a number such as 50 or 0.5')
    .refine((n) => n >= 0, { error: 'value must be greater than or equal to 0' })
    .transform((n) => (n === 0 ? defaultValue : n))
    .default(defaultValue);
}

function number(error: string) {
  return z.union(
    [
      z.number(),
      z
        .string()
        .regex(/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/)
        .transform(Number),
    ],
    { error },
  );
}

export function flag(defaultValue: boolean) {
  return z.boolean({ error: 'expected true or false, not in quotes' }).default(defaultValue);
}

/** True, false, or not said. */
export function flagIfSet() {
  return z.boolean({ error: 'expected true or false, not in quotes' }).optional();
}

const anyText = z.string({ error: 'expected a text; put it in quotes' });

/** A text; an empty one gives the default (S1). */
export function text(defaultValue: string) {
  return anyText.transform((value) => (value === '' ? defaultValue : value)).default(defaultValue);
}

/** A text that may be missing, but not empty. */
export function textIfSet() {
  return anyText
    .refine((value) => value !== '', { error: 'value must not be empty: write one, or leave the key out' })
    .optional();
}

/** A text that must be there. `what` says what it is, for whoever has to write it. */
export function requiredText(what: string) {
  return anyText.default('').refine((value) => value !== '', { error: `value is required: ${what}` });
}

/** `http://...` or `https://...`; kept as it is written. */
export function isWebAddress(value: string): boolean {
  return URL.canParse(value) && /^https?:\/\/[^/]/i.test(value);
}
export const webAddressHint = 'value must be an absolute URL such as https://gitlab.example.com';

const networks = ['tcp', 'tcp4', 'tcp6', 'unix'] as const;

export const network = anyText
  .refine((value): value is (typeof networks)[number] => networks.some((known) => known === value), {
    error: `value must be one of ${networks.join(', ')}`,
  })
  .default('tcp');

const logLevels = ['info', 'debug', 'warn', 'error'] as const;

/** A level by its name, or by its number in the originals' enumeration (`spec/kas.md`, A.5). */
export function logLevel(defaultValue: (typeof logLevels)[number]) {
  const error = 'expected one of debug, info, warn, error (or their numbers 1, 0, 2, 3)';
  const byNumber = z.literal([0, 1, 2, 3]).transform((n) => logLevels[n] ?? defaultValue);
  return z.union([z.enum(logLevels), byNumber], { error }).default(defaultValue);
}
