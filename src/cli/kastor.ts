#!/usr/bin/env node
/**
 * `kastor`: the first look (`start`) and what people need beside the servers. Commands load what does their work when they
 * are run, so that help and completions are quick. Exit codes: `remote/trouble.ts`, docs/terminal.md.
 */
import { Command, CommanderError, Option } from 'commander';
import { buildInfo } from '../kas/build-info.ts';
import { addDoctor } from './add-doctor.ts';
import { addCompletion } from './completion/add-completion.ts';
import { addLook } from './look/add-look.ts';
import { addSimulate } from './add-simulate.ts';
import { chartFormats, type ChartsOptions } from './chart-formats.ts';
import { addRecording } from './recording/add-recording.ts';
import { exitCodes, Trouble } from './remote/trouble.ts';

const command = new Command('kastor')
  .description("GitLab's agent server and in-cluster agent, as supervised statecharts")
  .version(buildInfo.version, '-v, --version', 'show the version')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'kastor: ')) });

command
  .command('start')
  .description('run kas, an agentk and a simulated cluster on this machine')
  .option('--data <dir>', 'keep everything in this folder', '.kastor')
  .option('--ready-file <file>', 'write this file (JSON) once the agent serves requests')
  .option('--cluster <kubeconfig>', 'use this cluster instead of the simulated one')
  .action(async (options: { data: string; readyFile?: string; cluster?: string }) => {
    const { start } = await import('./demo/start.ts');
    process.exit(await start(options));
  });

command
  .command('token')
  .description('make a token for an agent, a job or a person, and the hash for the directory file')
  .option('--prefix <text>', 'begin the token with this text', 'kastor-')
  .action(async ({ prefix }: { prefix: string }) => {
    const { hashToken, newToken } = await import('../gitlab/embedded/index.ts');
    const token = newToken(prefix);
    console.log(`token: ${token}`);
    console.log(`hash:  ${hashToken(token)}`);
  });

addLook(command);

command
  .command('charts')
  .description('show the statecharts: without a name all there are, with one its picture or an export')
  .argument('[chart]')
  .addOption(new Option('--format <format>', 'what to show of it').choices(chartFormats).default('svg'))
  .option('--full', 'picture: every edge where it is, and all actions', false)
  .option('--output <file>', 'write to this file')
  .action(async (name: string | undefined, options: ChartsOptions) => {
    const { showCharts } = await import('./charts.ts');
    showCharts(name, options);
  });

addRecording(command);
addDoctor(command);
addSimulate(command);
addCompletion(command);

// Whoever reads may have seen enough: `kastor agents | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await command.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
  else {
    console.error(`kastor: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof Trouble ? error.exitCode : exitCodes.failed;
  }
}
