/** Why a directory file cannot be used: everything that is wrong with it, each with its place and what to do. */
import { embeddedLimits } from './limits.ts';

export interface Problem {
  /** Where, e.g. `agents[0].name`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and how to mend it. Never holds a token or what might be one. */
  readonly text: string;
}

export class DirectoryFileError extends Error {
  readonly file: string;
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    super([`${file} cannot be used:`, ...problemLines(problems).map((line) => `  ${line}`)].join('\n'));
    this.name = 'DirectoryFileError';
    this.file = file;
    this.problems = problems;
  }
}

/** One line per problem, the first ones and how many more. */
export function problemLines(problems: readonly Problem[]): string[] {
  const lines = problems
    .slice(0, embeddedLimits.problemsMax)
    .map(({ path, text }) => (path === '' ? text : `${path}: ${text}`));
  const more = problems.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more problems`] : lines;
}
