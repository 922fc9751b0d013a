/** The command that prints completion scripts, and the hidden one that those scripts run. */
import { Argument, type Command } from 'commander';
import { scriptFor, shells, type Shell } from './shell-scripts.ts';

/** To be added last: it completes what is there. */
export function addCompletion(kastor: Command): void {
  kastor
    .command('completion')
    .description('print a script that lets a shell complete commands, flags, values and names of agents')
    .addArgument(new Argument('<shell>', 'for which shell').choices(shells))
    .addHelpText(
      'after',
      `
To have it in every shell:
  bash  kastor completion bash > ~/.local/share/bash-completion/completions/kastor
        (or "source <(kastor completion bash)" in ~/.bashrc)
  zsh   kastor completion zsh > "\${fpath[1]}/_kastor"
  fish  kastor completion fish > ~/.config/fish/completions/kastor.fish`,
    )
    .action((shell: Shell) => void process.stdout.write(scriptFor(shell)));
  kastor
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: readonly string[]) => {
      const { complete } = await import('./complete.ts');
      process.stdout.write(await complete(kastor, words));
    });
}
