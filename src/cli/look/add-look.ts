/** The commands that look at a running kas. What does their work is loaded when one is run. */
import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { withTarget } from '../remote/target.ts';
import {
  agentSorts,
  eventFormats,
  plainFormats,
  requestLists,
  stateChoices,
  tableFormats,
} from './choices.ts';

export function addLook(kastor: Command): void {
  addStatus(kastor);
  addAgents(kastor);
  addAgent(kastor);
  addEvents(kastor);
  addPollers(kastor);
  addRequests(kastor);
}

/** Its value is the name of an agent: completions ask the server. */
export const agentOption = '--agent <name>';
export const agentArgument = 'agent';

function addStatus(kastor: Command): void {
  withTarget(kastor.command('status'))
    .description('show the agents of a running kas and what becomes of their manifest projects')
    .addOption(output(plainFormats))
    .option('-w, --watch', 'show it again every two seconds', false)
    .action(async (options) => {
      const { status } = await import('../status/status.ts');
      await status(options, process, interrupted());
    });
}

function addAgents(kastor: Command): void {
  withTarget(kastor.command('agents'))
    .description('list the agents a running kas has seen within the last hour')
    .addArgument(new Argument('[text]', 'only those whose name, project, pod or id has this in it'))
    .addOption(new Option('--state <state...>', 'only those in these states').choices(stateChoices))
    .option('--project <path>', 'only those of this project or of projects below this group')
    .option('--agent-version <version>', 'only those with this version of agentk')
    .addOption(new Option('--sort <key>', 'by what to sort').choices(agentSorts).default('name'))
    .option('--reverse', 'the other way round', false)
    .addOption(output(tableFormats))
    .option('-w, --watch', 'show it again every two seconds', false)
    .action(async (text: string | undefined, options) => {
      const { agents } = await import('./agents.ts');
      await agents(text, options, process, interrupted());
    });
}

function addAgent(kastor: Command): void {
  withTarget(kastor.command('agent'))
    .description('show one agent: facts, hops, states, last transitions, projects, what to do')
    .addArgument(new Argument(`<${agentArgument}>`, 'its name, its id, or project:name'))
    .addOption(new Option('--steps <count>', 'how many transitions to show').default(10).argParser(count))
    .addOption(output(plainFormats))
    .option('-w, --watch', 'show it again every two seconds', false)
    .action(async (name: string, options) => {
      const { agent } = await import('./agent.ts');
      await agent(name, options, process, interrupted());
    });
}

function addEvents(kastor: Command): void {
  withTarget(kastor.command('events'))
    .description('show what happened of late: agents, manifest projects, supervisors')
    .option('-f, --follow', 'go on showing what happens', false)
    .option(agentOption, 'only of this agent: its name, its id, or project:name')
    .option('--since <time>', 'only what is not older: 90s, 15m, 2h, a time, or "all"', '1h')
    .option('--steps', 'every transition of the charts of the agent', false)
    .addOption(output(eventFormats))
    .action(async (options) => {
      const { events } = await import('./events.ts');
      await events(options, process, interrupted());
    });
}

function addPollers(kastor: Command): void {
  withTarget(kastor.command('pollers'))
    .description('show which repositories kas asks again and again')
    .addOption(output(plainFormats))
    .option('-w, --watch', 'show it again every two seconds', false)
    .action(async (options) => {
      const { pollers } = await import('./pollers.ts');
      await pollers(options, process, interrupted());
    });
}

function addRequests(kastor: Command): void {
  withTarget(kastor.command('requests'))
    .description('show requests to clusters: under way, slow, failed')
    .addOption(new Option('--list <which>', 'which of them').choices(requestLists).default('all'))
    .option(agentOption, 'only to this agent: its name, its id, or project:name')
    .addOption(output(plainFormats))
    .option('-w, --watch', 'show it again every two seconds', false)
    .action(async (options) => {
      const { requests } = await import('./requests.ts');
      await requests(options, process, interrupted());
    });
}

function output(formats: readonly string[]): Option {
  return new Option('-o, --output <format>', 'how to print').choices(formats).default(formats[0]);
}

function count(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('It is a number up to 9999.');
  return Number(text);
}

/** Ctrl-C ends what is watched or followed, in good order; the second one at once. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  });
  return controller.signal;
}
