/**
 * `kastor doctor`: what the doctors of `src/doctor` find, on a terminal or as JSON. Exit code 0 when nothing is broken, else 1,
 * also when the command line itself is wrong.
 */
import { Option, type Command } from 'commander';
import { readDoctorLine, unsetBuild, type BuildInfo } from '../agentk/index.ts';
import { doctorLimits, examineAgent, examineKas, type Finding } from '../doctor/index.ts';
import { systemClock, systemRandom, trustSystemAuthorities } from '../host/index.ts';
import { buildInfo } from '../kas/index.ts';
import type { Log } from '../ports/index.ts';

/** Adds the command to `kastor`. */
export function addDoctor(kastor: Command): void {
  const doctor = kastor
    .command('doctor')
    .description('look at a set-up, before or after installation, and say what is broken and how to mend it');
  doctor
    .command('agent')
    .description('from here to kas and to the API server, as agentk would: takes the flags of agentk')
    .helpOption(false) // the flags are agentk's own, and so is their help
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_options: unknown, command: Command) => process.exit(await agent(command.args)));
  doctor
    .command('kas')
    .description(
      'a configuration of kas before it is started: file, certificates, secrets, ports, own URL, Redis, GitLab',
    )
    .requiredOption('--configuration-file <path>', 'configuration file of kas (YAML)')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (options: { configurationFile: string; output: string }) =>
      process.exit(await kas(options.configurationFile, options.output === 'json')),
    );
}

async function agent(args: readonly string[]): Promise<number> {
  const { version, commit, built } = buildInfo;
  const build: BuildInfo = { ...unsetBuild, version, commit, builtAt: built };
  const line = readDoctorLine(args, process.env, build);
  if (line.kind === 'text') {
    process.stdout.write(line.text);
    return 0;
  }
  if (line.kind === 'error') throw new Error(`doctor agent: ${line.message}`);
  const { json, idleMs = 0 } = line;
  if (idleMs > doctorLimits.idleMsMax) throw new Error('doctor agent: idle may be 15 minutes at most');
  const report = await examineAgent({
    ...line,
    clock: systemClock,
    log: silent,
    onFinding: json ? () => {} : printer(),
  });
  return conclude(report.findings, report.isGood, json);
}

async function kas(configurationFile: string, json: boolean): Promise<number> {
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
