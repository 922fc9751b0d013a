/** Configuration files of simulated agents. What they say of the log is what can be seen of them from the outside. */
import type { LogLevel } from '../../ports/index.ts';

export const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function configurationFile(level: LogLevel): string {
  return `observability:\n  logging:\n    level: ${level}\n`;
}

/** What a configuration says of a manifest project. */
export function manifestSection(projectPath: string): string {
  return `gitops:\n  manifest_projects:\n  - id: ${projectPath}\n`;
}

/** The level a file asks for. */
export function levelOf(file: string): LogLevel {
  const named = /level: (\w+)/.exec(file)?.[1];
  return logLevels.find((level) => level === named) ?? 'info';
}
