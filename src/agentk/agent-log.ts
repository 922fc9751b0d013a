/** The process's log with the agent's id in every line, once it is known (`spec/agentk.md §1.6`). */
import type { Log, LogFields } from '../ports/index.ts';

export class AgentLog implements Log {
  readonly #log: Log;
  #fields: LogFields = {};

  constructor(log: Log) {
    this.#log = log;
  }

  /** From now on every line, also of children made before, carries the id. */
  identify(agentId: bigint): void {
    this.#fields = { agent_id: agentId };
  }

  debug(message: string, fields?: LogFields): void {
    this.#log.debug(message, { ...this.#fields, ...fields });
  }
  info(message: string, fields?: LogFields): void {
    this.#log.info(message, { ...this.#fields, ...fields });
  }
  warn(message: string, fields?: LogFields): void {
    this.#log.warn(message, { ...this.#fields, ...fields });
  }
  error(message: string, fields?: LogFields): void {
    this.#log.error(message, { ...this.#fields, ...fields });
  }

  child(fields: LogFields): Log {
    const write = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, more?: LogFields) =>
      this[level](message, { ...fields, ...more });
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (more) => this.child({ ...fields, ...more }),
    };
  }
}
