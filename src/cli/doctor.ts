/**
 * `kastor doctor`: what the doctors of `src/doctor` find, on a terminal or as JSON. Exit code 0 when nothing is broken, else 1;
 * 2 when the command line itself is wrong.
 */
import { readDoctorLine, unsetBuild, type BuildInfo } from '../agentk/index.ts';
import { doctorLimits, examineAgent, examineKas, type Finding } from '../doctor/index.ts';
import { systemClock, systemRandom, trustSystemAuthorities } from '../host/index.ts';
import { buildInfo } from '../kas/index.ts';
import type { Log } from '../ports/index.ts';
import { Trouble } from './remote/trouble.ts';

/** `kastor doctor agent`: answers the exit code. */
export async function doctorAgent(args: readonly string[]): Promise<number> {
  const { version, commit, built } = buildInfo;
  const build: BuildInfo = { ...unsetBuild, version, commit, builtAt: built };
  const line = readDoctorLine(args, process.env, build);
  if (line.kind === 'text') {
    process.stdout.write(line.text);
    return 0;
  }
  if (line.kind === 'error') throw new Trouble('usage', `doctor agent: ${line.message}`);
  const { json, idleMs = 0 } = line;
  if (idleMs > doctorLimits.idleMsMax)
    throw new Trouble('usage', 'doctor agent: idle may be 15 minutes at most');
  const report = await examineAgent({
    ...line,
    clock: systemClock,
    log: silent,
    onFinding: json ? () => {} : printer(),
  });
  return conclude(report.findings, report.isGood, json);
}

/** `kastor doctor kas`: answers the exit code. */
export async function doctorKas(configurationFile: string, json: boolean): Promise<number> {
  trustSystemAuthorities();
  const report = await examineKas({
    configurationFile,
    environment: process.env,
    clock: systemClock,
    random: systemRandom,
    log: silent,
    onFinding: json ? () => {} : printer(),
  });
  return conclude(report.findings, report.isGood, json);
}

/** What the parts under examination would log is in the findings. */
const silent: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silent,
};

const marks = { good: '✓', bad: '✗', note: '!', skipped: '–' } as const;
const rungWidth = 16;

/** Prints each finding as it comes. */
function printer(): (finding: Finding) => void {
  let part = '';
  return (finding) => {
    if (finding.part !== part) process.stdout.write(`${finding.part}\n`);
    part = finding.part;
    process.stdout.write(findingText(finding));
  };
}

function findingText({ verdict, rung, observed, tookMs, details = [], remedy }: Finding): string {
  const took = tookMs === undefined ? '' : `  (${tookMs} ms)`;
  const lines = [
    `  ${marks[verdict]} ${rung.padEnd(rungWidth)} ${observed}${took}`,
    ...details.map((detail) => `      ${detail}`),
    ...(remedy === undefined ? [] : [`    → ${remedy}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function conclude(findings: readonly Finding[], isGood: boolean, json: boolean): number {
  if (json) process.stdout.write(`${JSON.stringify({ ok: isGood, findings }, undefined, 2)}\n`);
  else {
    const broken = findings.filter(({ verdict }) => verdict === 'bad');
    const names = broken.map(({ part, rung }) => (part === rung ? rung : `${part}: ${rung}`));
    process.stdout.write(isGood ? '\nNothing is broken.\n' : `\nBroken: ${names.join('; ')}\n`);
  }
  return isGood ? 0 : 1;
}
