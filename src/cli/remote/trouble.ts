/** What went wrong, for the person at the terminal and for scripts: a text that says how to mend it, and an exit code. */

/** As documented in docs/terminal.md. */
export const exitCodes = {
  /** What was asked for is not there, or a check found something. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** kas cannot be reached. */
  unreachable: 3,
  /** kas wants a token, or another one. */
  refused: 4,
  /** What answers is no kas, one without its dashboard, or one that is too old. */
  foreign: 5,
} as const;

export class Trouble extends Error {
  readonly exitCode: number;
  /** What happened, without what to do about it. */
  readonly brief: string;

  constructor(kind: keyof typeof exitCodes, message: string, remedy = '') {
    super(remedy === '' ? message : `${message}. ${remedy}`);
    this.brief = message;
    this.name = 'Trouble';
    this.exitCode = exitCodes[kind];
  }
}
