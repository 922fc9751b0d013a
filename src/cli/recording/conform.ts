/** `kastor conform FILE`: did the daemon whose recording this is move as its charts say it may? */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { charts } from '../../../statecharts/index.ts';
import { Conformance, type ConformanceReport } from '../../inspect/index.ts';
import { Trouble } from '../remote/trouble.ts';
import { clockTime } from '../terminal/age.ts';
import { paintFor, type Paint, type Terminal } from '../terminal/paint.ts';
import { structuredText } from '../terminal/structured.ts';
import { lineOf } from '../terminal/table.ts';

export interface ConformOptions {
  readonly output: 'text' | 'json';
}

const shownMax = 20;
const lineCharsMax = 64 * 1024;

/** Throws a Trouble when it does not conform. */
export async function conform(
  file: string,
  { output }: ConformOptions,
  { stdout }: Terminal,
  stdin: NodeJS.ReadableStream = process.stdin,
): Promise<void> {
  const conformance = new Conformance(charts);
  const input: NodeJS.ReadableStream = file === '-' ? stdin : createReadStream(file);
  try {
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    // An error of the file reaches readline's readers only this way.
    const broken = new Promise<never>((_, reject) => input.once('error', reject));
    await Promise.race([readAll(lines, conformance), broken]);
  } catch (error) {
    throw new Trouble(
      'usage',
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const report = conformance.report();
  stdout.write(
    output === 'json'
      ? structuredText(report, 'json')
      : `${reportText(report, paintFor(stdout)).join('\n')}\n`,
  );
  if (!report.conforms) throw new Trouble('failed', `${file} does not conform`);
}

async function readAll(lines: AsyncIterable<string>, conformance: Conformance): Promise<void> {
  for await (const line of lines) conformance.take(line.length > lineCharsMax ? '' : line);
}

/** What happened and is not in the file. */
function lossText(
  { recorded, sampledOut }: NonNullable<ConformanceReport['header']>,
  transitions: number,
): readonly string[] {
  const overwritten = Math.max(0, recorded - sampledOut - transitions);
  return [
    ...(overwritten > 0 ? [`${overwritten} older transitions were not kept any more`] : []),
    ...(sampledOut > 0 ? [`${sampledOut} transitions of short lives were left out by the recorder`] : []),
  ];
}

function reportText(report: ConformanceReport, paint: Paint): readonly string[] {
  const { header, transitions, proven, lives, gaps, findings, findingsHidden, conforms } = report;
  const whose =
    header === undefined
      ? 'A recording of something unknown'
      : `Recording of ${lineOf(header.program, 40)} ${lineOf(header.version, 40)}, taken ${clockTime(header.at, Date.now())}`;
  const shown = findings.slice(0, shownMax);
  const hidden = findings.length - shown.length + findingsHidden;
  return [
    whose,
    `${transitions} transitions, ${proven} of them possible by the charts`,
    `${lives.whole} lives from begin to end, ${lives.unfinished} whose end is not in it, ${lives.begunBefore} begun before it`,
    ...(gaps > 0 ? [`${gaps} gaps in short lives that were recorded in part`] : []),
    ...(header === undefined ? [] : lossText(header, transitions)),
    '',
    ...shown.map(({ line, actorId, problem }) => {
      const where = line === 0 ? 'the file' : `line ${line}`;
      const who = actorId === '' ? '' : `${lineOf(actorId, 100)}: `;
      return `${paint('red', where)}: ${who}${lineOf(problem, 1_000)}`;
    }),
    ...(hidden > 0 ? [`and ${hidden} more`] : []),
    conforms
      ? paint('green', 'Every transition is one its chart allows.')
      : paint('red', 'It does not conform.'),
  ];
}
