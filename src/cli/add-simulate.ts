/** `kastor simulate` on the command line. */
import type { Command } from 'commander';
import type { SimulateOptions } from './seeds.ts';

export function addSimulate(command: Command): void {
  command
    .command('simulate')
    .description('run kas and agentk through faults on a virtual clock, and check what must hold')
    .option(
      '--level <1|2>',
      '1: a whole world of several kas and agents; 2: real HTTP/2 on simulated TCP',
      '1',
    )
    .option('--seeds <number>', 'how many seeds; 100, at level 2 30, unless given')
    .option('--from <number>', 'the first of them', '1')
    .option('--seed <number>', 'only this one, with its plan')
    .option('--faults <kinds>', 'level 1: only these faults, separated by commas; none for none')
    .option('--agents <number>', 'level 1: agents in every plan')
    .option('--kas <number>', 'level 1: kas in every plan')
    .option('--gitops', 'level 1: agents have manifest projects in every plan')
    .option('--until <seconds>', 'level 1: how long there are faults')
    .option('--threads <number>', 'worker threads; as many as cores unless given')
    .option('--no-shrink', 'level 1: leave a failing plan as it is')
    .option('--calls', 'level 2: our gRPC against grpc-js, in place of kas and agentk')
    .option('--bug <name>', 'level 2: plant this bug; the runs should fail')
    .option(
      '--replay <file>',
      'run the plan of this file again, and say whether it goes as it went, bit for bit',
    )
    .option(
      '--output <file>',
      'where a failure is written, for --replay and the Replay page of the dashboard; SEED is its seed',
      'simulation-SEED.json',
    )
    .option('--trace <file>', 'every line of the one run of --seed or --replay, for the Replay page')
    .action(async (options: SimulateOptions) => {
      const { runSimulate } = await import('./simulate.ts');
      process.exit(await runSimulate(options));
    });
}
