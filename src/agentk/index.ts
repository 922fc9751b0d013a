/** The in-cluster agent. */
export { unsetBuild, type BuildInfo } from './build-info.ts';
export { readCommandLine } from './command-line.ts';
export { runAgentk, type Agentk } from './main.ts';
export type { AgentkOptions } from './options.ts';
export { agentkLimits } from './limits.ts';
