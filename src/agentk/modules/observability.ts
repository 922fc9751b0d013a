/** Sets the log level the configuration asks for (`spec/agentk.md §1.6`, §2.1); without one it is info. */
import type { LogLevel } from '../../ports/index.ts';
import { LogLevelEnum } from '../../protocol/index.ts';
import type { AgentModule } from './module.ts';

const levels: Readonly<Record<LogLevelEnum, LogLevel>> = {
  [LogLevelEnum.info]: 'info',
  [LogLevelEnum.debug]: 'debug',
  [LogLevelEnum.warn]: 'warn',
  [LogLevelEnum.error]: 'error',
};

export function createObservabilityModule(setLevel: (level: LogLevel) => void): AgentModule {
  return {
    name: 'observability',
    check: () => undefined,
    wanted: () => true,
    start: async () => ({
      configure: (configuration) => {
        if (configuration === undefined) return;
        setLevel(levels[configuration.observability?.logging?.level ?? LogLevelEnum.info] ?? 'info');
      },
      stop: async () => {},
    }),
  };
}
