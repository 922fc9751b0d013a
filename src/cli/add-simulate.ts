/** `kastor simulate` on the command line. */
import type { Command } from 'commander';
import type { SimulateOptions } from './simulate.ts';

export function addSimulate(command: Command): void {
  command
    .command('simulate')
    .description('run kas and agentk through faults on a virtual clock, and check what must hold')
    .option('--seeds <number>', 'how many seeds', '100')
    .option('--from <number>', 'the first of them', '1')
    .option('--seed <number>', 'only this one, with its plan')
    .option('--faults <kinds>', 'only these faults, separated by commas; none for none')
    .option('--agents <number>', 'agents in every plan')
    .option('--kas <number>', 'kas in every plan')
    .option('--until <seconds>', 'how long there are faults')
    .option('--threads <number>', 'worker threads; as many as cores unless given')
    .option('--no-shrink', 'leave a failing plan as it is')
    .option('--replay <file>', 'run the plan of this file')
    .option('--output <file>', 'where a failure is written; SEED is its seed', 'simulation-SEED.json')
    .option('--trace <file>', 'every line of the one run of --seed or --replay, for the Replay page')
    .action(async (options: SimulateOptions) => {
      const { runSimulate } = await import('./simulate.ts');
      process.exit(await runSimulate(options));
    });
}
