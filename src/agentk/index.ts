/** The in-cluster agent. */
export { agentName, unsetBuild, type BuildInfo } from './build-info.ts';
export { readCommandLine, readDoctorLine } from './command-line.ts';
export { kasTarget } from './kas-target.ts';
export { runAgentk, startAgentk, type Agentk } from './main.ts';
export type { ApiServer } from './kubernetes/index.ts';
export type { KasWay } from './link/index.ts';
export type { AgentkOptions } from './options.ts';
export { agentMeta } from './registration.actor.ts';
export { agentkLimits } from './limits.ts';
