/** A log that keeps what it was told, and one that does not. */
import type { Log, LogFields, LogLevel } from '../../src/ports/index.ts';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export class RecordingLog implements Log {
  readonly lines: LogLine[] = [];

  debug(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'debug', message, fields });
  }
  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', message, fields });
  }
  warn(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', message, fields });
  }
  error(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', message, fields });
  }
  child(): Log {
    return this;
  }
  /** Everything said, as one text to search in. */
  get text(): string {
    return this.lines
      .map(({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields, shown)}`)
      .join('\n');
  }
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

function shown(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
