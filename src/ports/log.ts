/** Values a log field may have; anything else is converted by the caller, who knows what is safe to show. */
export type LogValue = string | number | boolean | bigint | null | undefined | readonly string[] | Error;
export type LogFields = Readonly<Record<string, LogValue>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * Structured logging as a port. Field names are snake_case (`spec/kas.md §7.1`); `error` holds an Error.
 * Tokens, bodies and header values never go into a message or a field.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Log;
}
