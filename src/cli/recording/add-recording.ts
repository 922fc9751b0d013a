/** The commands about recordings of the flight recorder. */
import { Option, type Command } from 'commander';
import { withTarget } from '../remote/target.ts';

export function addRecording(kastor: Command): void {
  withTarget(kastor.command('record'))
    .description(
      'save the flight recorder of a running kas (or agentk, with its address as --kas): its last transitions',
    )
    .option('--output <file>', 'write to this file')
    .action(async (options) => {
      const { record } = await import('./record.ts');
      await record(options, process);
    });
  kastor
    .command('conform')
    .description('replay such a file through the statecharts: did the daemon move as they say it may?')
    .argument('<file>', 'the recording; - for what comes in')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (file: string, options) => {
      const { conform } = await import('./conform.ts');
      await conform(file, options, process);
    });
}
