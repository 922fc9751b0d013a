#!/usr/bin/env node
/** `kastor`: the first look (`start`) and what a stand-alone operator needs beside the servers (`token`). */
import { Command } from 'commander';
import { hashToken, newToken } from '../gitlab/embedded/index.ts';
import { buildInfo } from '../kas/index.ts';
import { start } from './demo/start.ts';

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

try {
  await command.parseAsync();
} catch (error) {
  console.error(`kastor: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
