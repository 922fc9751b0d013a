#!/usr/bin/env node
/** The `agentk` executable: command line, signals, exit code (`spec/agentk.md §1`). */
import { createLog, createMetrics, systemClock, systemRandom } from '../host/index.ts';
import {
  readCommandLine,
  runAgentk,
  unsetBuild,
  type AgentkOptions,
  type BuildInfo,
} from '../agentk/index.ts';

const { env } = process;
/** Stamped by the packaging. */
const build: BuildInfo = {
  version: env['KASTOR_VERSION'] ?? unsetBuild.version,
  commit: env['KASTOR_COMMIT'] ?? unsetBuild.commit,
  builtAt: env['KASTOR_BUILD_TIME'] ?? unsetBuild.builtAt,
};

function abort(reason: string): never {
  process.stderr.write(`Program aborted: ${reason}\n`);
  process.exit(1);
}

async function run(options: Omit<AgentkOptions, 'ports'>): Promise<void> {
  const control = createLog({ level: 'info' });
  const registry = createMetrics({ processMetrics: true });
  const { log } = control;
  const ports = {
    clock: systemClock,
    random: systemRandom,
    log,
    setLogLevel: control.setLevel.bind(control),
    metrics: registry.metrics,
    expose: registry.expose.bind(registry),
  };
  const agentk = await runAgentk({ ...options, ports });
  let asked = false;
  const onSignal = (signal: NodeJS.Signals) => {
    log.info(asked ? 'Second signal, ending at once' : 'Stopping', { signal });
    asked = true;
    void agentk.stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const exit = await agentk.exit;
  if (exit.kind === 'failed') abort(exit.reason);
  log.info('Stopped');
  process.exit(0);
}

const commandLine = readCommandLine(process.argv.slice(2), env, build);
switch (commandLine.kind) {
  case 'text':
    process.stdout.write(commandLine.text);
    break;
  case 'error':
    abort(commandLine.message);
    break;
  case 'run':
    await run(commandLine.options).catch((error: unknown) => {
      abort(error instanceof Error ? error.message : String(error));
    });
    break;
}
