/**
 * What can stand where the cursor is, by the definitions of the commands themselves: sub-commands, flags, values. What only
 * the machine or a kas knows is told by its kind, for the caller to look up.
 */
import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly value: string;
  readonly about: string;
}

/** What a value can be beside the words that are listed. */
export type Lookup = 'none' | 'files' | 'agents' | 'charts';

export interface Place {
  readonly candidates: readonly Candidate[];
  readonly lookup: Lookup;
  /** Stands before a value that is looked up: `--agent=`. */
  readonly prefix: string;
  /** Values of the options on the line, by their attribute names. */
  readonly given: Readonly<Record<string, string>>;
}

/** @param words after the program's name; the last is the one to complete, empty when it has not begun */
export function placeOf(program: Command, words: readonly string[]): Place {
  const line = readLine(program, words.slice(0, -1));
  const { command, awaited, given } = line;
  const current = words.at(-1) ?? '';
  const base = { given, prefix: '' };
  if (awaited !== undefined && !(awaited.variadic && current.startsWith('-'))) {
    return { ...base, ...valuesOf(awaited) };
  }
  const [, flag, prefix] = /^((--[a-z-]+)=)/.exec(current) ?? [];
  if (flag !== undefined && prefix !== undefined) {
    const option = optionNamed(command, prefix);
    const { candidates, lookup } = option === undefined ? nothing : valuesOf(option);
    const whole = candidates.map(({ value, about }) => ({ value: `${flag}${value}`, about }));
    return { ...base, candidates: whole, lookup, prefix: flag };
  }
  if (current.startsWith('-') && !line.isPlain)
    return { ...base, candidates: flagsOf(command, line.used), lookup: 'none' };
  const commands = visibleCommands(command);
  if (commands.length > 0) {
    const candidates = commands.map((one) => ({ value: one.name(), about: one.description() }));
    return { ...base, candidates, lookup: 'none' };
  }
  const argument = command.registeredArguments[line.positions] ?? lastVariadic(command);
  return { ...base, ...(argument === undefined ? nothing : valuesOf(argument)) };
}

const nothing = { candidates: [], lookup: 'none' } as const;

interface Line {
  readonly command: Command;
  /** The option whose value comes next. */
  readonly awaited: Option | undefined;
  /** Arguments so far. */
  readonly positions: number;
  /** After `--`: nothing is a flag any more. */
  readonly isPlain: boolean;
  readonly used: ReadonlySet<Option>;
  readonly given: Readonly<Record<string, string>>;
}

function readLine(program: Command, words: readonly string[]): Line {
  let command = program;
  let awaited: Option | undefined;
  let positions = 0;
  let isPlain = false;
  const used = new Set<Option>();
  const given: Record<string, string> = {};
  for (const word of words) {
    if (awaited !== undefined && !(awaited.variadic && word.startsWith('-'))) {
      given[awaited.attributeName()] = word;
      if (!awaited.variadic) awaited = undefined;
      continue;
    }
    awaited = undefined;
    if (isPlain || !word.startsWith('-')) {
      const next = positions === 0 ? command.commands.find((one) => one.name() === word) : undefined;
      if (next === undefined) positions++;
      else command = next;
      continue;
    }
    isPlain ||= word === '--';
    const [flag = '', value] = word.split(/=(.*)/s);
    const option = optionNamed(command, flag);
    if (option === undefined) continue;
    used.add(option);
    if (value !== undefined) given[option.attributeName()] = value;
    else if (option.required) awaited = option;
  }
  return { command, awaited, positions, isPlain, used, given };
}

function optionNamed(command: Command, flag: string): Option | undefined {
  return command.options.find((option) => option.long === flag || option.short === flag);
}

function flagsOf(command: Command, used: ReadonlySet<Option>): readonly Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .filter((option) => option.variadic || !used.has(option))
    .flatMap(({ long, description }) => (long == null ? [] : [{ value: long, about: description }]));
}

function visibleCommands(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [] : command.createHelp().visibleCommands(command);
}

function lastVariadic({ registeredArguments }: Command): Argument | undefined {
  const last = registeredArguments.at(-1);
  return last?.variadic === true ? last : undefined;
}

/** The words it takes, or what stands for them. */
function valuesOf(of: Option | Argument): Pick<Place, 'candidates' | 'lookup'> {
  const choices = of.argChoices;
  if (choices !== undefined)
    return { candidates: choices.map((value) => ({ value, about: '' })), lookup: 'none' };
  const name = 'flags' in of ? (/[<[]([a-z-]+)/.exec(of.flags)?.[1] ?? '') : of.name();
  const isAgent = name === 'agent' || ('flags' in of && of.long === '--agent');
  if (isAgent) return { candidates: [], lookup: 'agents' };
  if (name === 'chart') return { candidates: [], lookup: 'charts' };
  return { candidates: [], lookup: ['file', 'dir', 'kubeconfig'].includes(name) ? 'files' : 'none' };
}
