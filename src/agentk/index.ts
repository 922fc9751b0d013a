/** The in-cluster agent. */
export { unsetBuild, versionText, type BuildInfo } from './build-info.ts';
export { readCommandLine, type CommandLine } from './command-line.ts';
export { runAgentk, type Agentk, type AgentkExit } from './main.ts';
export type { AgentkOptions, AgentkPorts, ObservabilityListen } from './options.ts';
export { agentkLimits } from './limits.ts';
export type { KubernetesFlags } from './kubernetes/index.ts';
export type { PodIdentity } from './registration.actor.ts';
