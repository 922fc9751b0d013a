#!/usr/bin/env node
/** `kastor`: the first look (`start`) and what people need beside the servers (`token`, `status`, `charts`, `doctor`). */
import { Command } from 'commander';
import { hashToken, newToken } from '../gitlab/embedded/index.ts';
import { buildInfo } from '../kas/index.ts';
import { chartFormats, type ChartsOptions, showCharts } from './charts.ts';
import { addDoctor } from './doctor.ts';
import { start } from './demo/start.ts';
import { status } from './status/status.ts';

const command = new Command('kastor')
  .description("GitLab's agent server and in-cluster agent, as supervised statecharts")
  .version(buildInfo.version, '-v, --version', 'show the version');

command
  .command('start')
  .description('run kas, an agentk and a simulated cluster on this machine')
  .option('--data <dir>', 'keep everything in this folder', '.kastor')
  .option('--ready-file <file>', 'write this file (JSON) once the agent serves requests')
  .option('--cluster <kubeconfig>', 'use this cluster instead of the simulated one')
  .action(async (options: { data: string; readyFile?: string; cluster?: string }) => {
    process.exit(await start(options));
  });

command
  .command('token')
  .description('make a token for an agent, a job or a person, and the hash for the directory file')
  .option('--prefix <text>', 'begin the token with this text', 'kastor-')
  .action(({ prefix }: { prefix: string }) => {
    const token = newToken(prefix);
    console.log(`token: ${token}`);
    console.log(`hash:  ${hashToken(token)}`);
  });

command
  .command('status')
  .description('show the agents of a running kas and what becomes of their manifest projects')
  .option('--kas <address>', 'observability endpoint of kas', 'http://127.0.0.1:8151')
  .option('-o, --output <format>', 'table or json', 'table')
  .option('-w, --watch', 'show it again every two seconds', false)
  .action(async (options: { kas: string; output: string; watch: boolean }) => {
    const interrupted = new AbortController();
    process.once('SIGINT', () => interrupted.abort());
    await status(options, process, interrupted.signal);
  });

command
  .command('charts')
  .description('show the statecharts: without a name all there are, with one its picture or an export')
  .argument('[name]')
  .option('--format <format>', chartFormats.join(', '), 'svg')
  .option('--full', 'picture: every edge where it is, and all actions', false)
  .option('--output <file>', 'write to this file')
  .action((name: string | undefined, options: ChartsOptions) => showCharts(name, options));

addDoctor(command);

try {
  await command.parseAsync();
} catch (error) {
  console.error(`kastor: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
