/**
 * JSON lines on stderr in the shape operators of the originals parse: `level`, `time`, `msg`, then fields
 * (`spec/kas.md §7.1`). pino writes them; this file only fixes order, time format and how values become JSON.
 *
 * L1. A log call never throws: what cannot be shown is shown as text.
 * L2. Errors are shown by message; their stack only at level debug, so that operators read causes and not frames.
 */
import { pino, type DestinationStream, type Logger } from 'pino';
import type { Log, LogFields, LogLevel, LogValue } from '../ports/index.ts';

export interface LogControl {
  readonly log: Log;
  /** Changes the level of this log and of all its children, e.g. when an agent's configuration says so. */
  readonly setLevel: (level: LogLevel) => void;
}

/** Local time as ISO 8601 with milliseconds and zone: `Z` for UTC, else like `+0200`. */
function timestamp(at: Date): string {
  const offset = -at.getTimezoneOffset();
  const local = new Date(at.getTime() + offset * 60_000).toISOString().slice(0, -1);
  if (offset === 0) return `${local}Z`;
  const minutes = Math.abs(offset);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
}

/** What a field becomes in JSON: 64-bit ids stay exact, errors become their message and causes (L2). */
function shown(value: LogValue): unknown {
  if (value instanceof Error) {
    const cause = value.cause instanceof Error ? `: ${value.cause.message}` : '';
    return `${value.message}${cause}`;
  }
  return value;
}

/**
 * Makes the process's log.
 * @param options.level lines below it are not written
 * @param options.destination where lines go; stderr (synchronous, so that the last words of a crash are seen) by default
 */
export function createLog(options: {
  readonly level: LogLevel;
  readonly destination?: DestinationStream;
}): LogControl {
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${timestamp(new Date())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
  return { log: bound(root, {}), setLevel: (level) => (root.level = level) };
}

/** What every line begins with; a field of the same name would be a second key in the same object. */
const reserved: ReadonlySet<string> = new Set(['level', 'time', 'msg']);

function bound(logger: Logger, inherited: LogFields): Log {
  const write = (level: LogLevel, message: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(level)) return;
    const line: Record<string, unknown> = { msg: message };
    for (const source of [inherited, fields]) {
      for (const name in source) {
        const value = source[name];
        line[reserved.has(name) ? `_${name}` : name] = shown(value);
        if (value instanceof Error && logger.level === 'debug') line['stack'] = value.stack;
      }
    }
    logger[level](line);
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    child: (fields) => bound(logger, { ...inherited, ...fields }),
  };
}
