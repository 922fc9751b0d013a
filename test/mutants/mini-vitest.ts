/**
 * As much of vitest as the tests of charts use, so that they can be asked a thousand times in one process: what they describe is
 * collected once and run for each wrong.
 */
import { isDeepStrictEqual } from 'node:util';

export interface Collected {
  readonly name: string;
  readonly run: () => unknown;
}

const collected: Collected[] = [];
const groups: string[] = [];

/** What was described since the last call. */
export function takeCollected(): readonly Collected[] {
  return collected.splice(0);
}

type Body = (...row: never[]) => unknown;

function note(name: string, run: () => unknown): void {
  collected.push({ name: [...groups, name].join(' > '), run });
}

function group(name: string, body: () => unknown): void {
  groups.push(name);
  body();
  groups.pop();
}

const rowed =
  (each: (name: string, run: () => unknown) => void) =>
  (rows: readonly unknown[]) =>
  (name: string, body: Body) =>
    rows.forEach((row, at) => {
      const args = (Array.isArray(row) ? row : [row]) as never[];
      each(`${name} #${at}`, () => body(...args));
    });

export const describe = Object.assign((name: string, body: () => unknown) => group(name, body), {
  each: rowed(group),
});
export const it = Object.assign((name: string, run: () => unknown) => note(name, run), { each: rowed(note) });
export const test = it;

/** Equal as `toEqual` has it: what is undefined is not there. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one: unknown) => bare(one));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, bare(one)]])),
  );
}

const equal = (a: unknown, b: unknown) => isDeepStrictEqual(bare(a), bare(b));

function matches(value: unknown, pattern: unknown): boolean {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern)) return equal(value, pattern);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(pattern).every(([key, one]) => matches((value as Record<string, unknown>)[key], one));
}

function contains(value: unknown, one: unknown): boolean {
  if (typeof value === 'string') return value.includes(String(one));
  return Array.isArray(value) && value.includes(one);
}

const matchers = {
  toBe: (value: unknown, expected: unknown) => Object.is(value, expected),
  toEqual: equal,
  toMatchObject: matches,
  toContain: contains,
  toHaveLength: (value: unknown, length: unknown) =>
    (value as { length?: unknown } | undefined)?.length === length,
  toBeGreaterThan: (value: unknown, least: unknown) => Number(value) > Number(least),
  toBeLessThan: (value: unknown, most: unknown) => Number(value) < Number(most),
  toBeUndefined: (value: unknown) => value === undefined,
} as const;
type Matchers = Readonly<Record<keyof typeof matchers, (expected?: unknown) => void>>;

function matchersFor(value: unknown, negated: boolean): Matchers {
  const entries = Object.entries(matchers).map(([name, holds]) => [
    name,
    (expected?: unknown) => {
      if (holds(value, expected) === negated) throw new Error(`${negated ? 'not ' : ''}${name} fails`);
    },
  ]);
  return Object.fromEntries(entries) as Matchers;
}

export function expect(value: unknown): Matchers & { readonly not: Matchers } {
  return { ...matchersFor(value, false), not: matchersFor(value, true) };
}
