#!/usr/bin/env node
/** `kas --configuration-file FILE`: the agent server, with the command line of the original (`spec/kas.md §1.1`). */
import { Command, CommanderError } from 'commander';
import { trustSystemAuthorities } from '../host/index.ts';
import { buildInfo, runKas } from '../kas/index.ts';

const version = `kas version ${buildInfo.version}, commit: ${buildInfo.commit}, built: ${buildInfo.built}`;

const command = new Command('kas')
  .description(
    'GitLab agent server: agents connect to it from their clusters, clients reach the clusters through it',
  )
  .requiredOption('--configuration-file <path>', 'configuration file to use (YAML)')
  .version(version, '-v, --version', 'show the version')
  .helpOption('-h, --help', 'show this help')
  .allowExcessArguments(false)
  .exitOverride()
  .configureOutput({ writeErr: () => {} });

await main();

async function main(): Promise<void> {
  let configurationFile: string;
  try {
    command.parse();
    ({ configurationFile } = command.opts<{ configurationFile: string }>());
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    return abort(error);
  }
  try {
    trustSystemAuthorities();
    const kas = await runKas({ configurationFile });
    // The second signal cuts what the first waits for; the chart knows which is which.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => kas.stop(signal));
    const outcome = await kas.ended;
    if (outcome.kind === 'failed') return abort(new Error(outcome.reason));
    process.exit(0);
  } catch (error) {
    abort(error);
  }
}

/** The one line operators grep for; never a stack. */
function abort(error: unknown): void {
  const reason =
    error instanceof CommanderError && error.code === 'commander.missingMandatoryOptionValue'
      ? 'required flag(s) "configuration-file" not set'
      : error instanceof Error
        ? error.message.replace(/^error: /, '')
        : String(error);
  // One line, whatever the cause has to say.
  process.stderr.write(`Program aborted: ${reason.trim().replaceAll(/\s*\n\s*/g, ' ')}\n`);
  process.exit(1);
}
