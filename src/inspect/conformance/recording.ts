/**
 * The flight recorder as a file: a line of JSON per transition, between a line that says whose it is and one that says where
 * it ends.
 *
 * R1. Each line carries a check over itself and all before it: a line that was changed, moved, left out or added is found, and
 *     so is a file that was cut off. This is no signature: whoever makes the checks anew is not found out.
 * R2. The first line has a hash of each chart's definition, so that a recording is judged by the chart that made it.
 */
import { hash } from 'node:crypto';
import { z } from 'zod';
import type { AnyStateMachine } from 'xstate';
import { chartJsonOf } from '../charts/index.ts';
import type { FlightRecorder, RecordedTransition } from '../flight-recorder.ts';
import { inspectLimits } from '../limits.ts';

const formatVersion = 1;

const header = z.object({
  recording: z.literal('kastor-flight-recorder'),
  format: z.number(),
  program: z.string(),
  version: z.string(),
  /** Milliseconds since the epoch. */
  at: z.number(),
  /** Transitions since the start of the program, and those of short lives that were left out. */
  recorded: z.number(),
  sampledOut: z.number(),
  /** Hashes of the charts, by the ids of their machines. */
  charts: z.record(z.string(), z.string()),
  check: z.string(),
});
export type RecordingHeader = Omit<z.infer<typeof header>, 'check'>;

const transition = z.object({
  sequence: z.number().int().nonnegative(),
  at: z.number(),
  actorId: z.string(),
  machine: z.string(),
  from: z.string(),
  to: z.string(),
  event: z.string(),
  check: z.string(),
});
const end = z.object({ end: z.literal(true), lines: z.number(), check: z.string() });

/** One line, read. */
export type RecordingLine =
  | { readonly kind: 'header'; readonly header: RecordingHeader; readonly check: string }
  | { readonly kind: 'transition'; readonly transition: RecordedTransition; readonly check: string }
  | { readonly kind: 'end'; readonly lines: number; readonly check: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

export interface RecordingSource {
  readonly recorder: FlightRecorder;
  readonly program: string;
  readonly version: string;
  readonly at: number;
  readonly machines: readonly AnyStateMachine[];
}

/** The file in pieces of some hundred lines, of what the recorder holds when this is called. */
export function recordingOf(source: RecordingSource): Iterable<string> {
  const { recorder, program, version, at, machines } = source;
  const first: RecordingHeader = {
    recording: 'kastor-flight-recorder',
    format: formatVersion,
    program,
    version,
    at,
    recorded: recorder.recorded,
    sampledOut: recorder.sampledOut,
    charts: Object.fromEntries(machines.map((machine) => [machine.id, chartHash(machine)])),
  };
  return pieces(first, recorder.snapshot());
}

const hashes = new WeakMap<AnyStateMachine, string>();

/** Of the chart's definition: states, transitions and the names of guards, actions and delays; not of the code behind names. */
export function chartHash(machine: AnyStateMachine): string {
  const known = hashes.get(machine) ?? hash('sha256', chartJsonOf(machine), 'hex').slice(0, 16);
  hashes.set(machine, known);
  return known;
}

function* pieces(first: RecordingHeader, transitions: readonly RecordedTransition[]): Iterable<string> {
  let check = '';
  let piece = '';
  const add = (line: object) => {
    check = checkOf(check, line);
    piece += `${JSON.stringify({ ...line, check })}\n`;
  };
  add(first);
  for (const [index, one] of transitions.entries()) {
    add(one);
    if ((index + 1) % inspectLimits.recordingLinesAtOnce !== 0) continue;
    yield piece;
    piece = '';
  }
  add({ end: true, lines: transitions.length });
  yield piece;
}

/** R1: over the line without its own check, and the check before it. */
export function checkOf(before: string, line: object): string {
  return hash('sha256', `${before}\n${JSON.stringify(line)}`, 'hex').slice(0, 12);
}

/** Also what its check is made over, as it stands in the file. */
export function readLine(text: string): { readonly line: RecordingLine; readonly bare: object } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { line: { kind: 'unreadable', reason: 'it is not whole: no JSON' }, bare: {} };
  }
  if (typeof value !== 'object' || value === null) return { line: foreign, bare: {} };
  const bare: Record<string, unknown> = { ...value };
  delete bare['check'];
  if ('recording' in value) {
    const read = header.safeParse(value);
    if (!read.success) return { line: foreign, bare };
    const { check, ...rest } = read.data;
    if (rest.format !== formatVersion) {
      const reason = `its format is ${rest.format}, this kastor reads ${formatVersion}`;
      return { line: { kind: 'unreadable', reason }, bare };
    }
    return { line: { kind: 'header', header: rest, check }, bare };
  }
  if ('end' in value) {
    const read = end.safeParse(value);
    if (!read.success) return { line: foreign, bare };
    return { line: { kind: 'end', lines: read.data.lines, check: read.data.check }, bare };
  }
  const read = transition.safeParse(value);
  if (!read.success) return { line: foreign, bare };
  const { check, ...rest } = read.data;
  return { line: { kind: 'transition', transition: rest, check }, bare };
}

const foreign = { kind: 'unreadable', reason: 'it is no line of a recording' } as const;
