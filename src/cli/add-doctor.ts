/** The command line of `kastor doctor`. */
import { Option, type Command } from 'commander';

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
    .action(async (_options: unknown, command: Command) => {
      const { doctorAgent } = await import('./doctor.ts');
      process.exit(await doctorAgent(command.args));
    });
  doctor
    .command('kas')
    .description(
      'a configuration of kas before it is started: file, certificates, secrets, ports, own URL, Redis, GitLab',
    )
    .requiredOption('--configuration-file <file>', 'configuration file of kas (YAML)')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (options: { configurationFile: string; output: string }) => {
      const { doctorKas } = await import('./doctor.ts');
      process.exit(await doctorKas(options.configurationFile, options.output === 'json'));
    });
}
