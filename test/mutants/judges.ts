/** Who judges a chart with a wrong in it: the tests that know it, those first that take no time. */
export interface Judge {
  /** Test files, by the beginning of their path. */
  readonly files: readonly string[];
  /** Only tests whose names match. */
  readonly named?: RegExp;
}

/** Where a path is played over both carriers one will do. */
const agentPaths: Judge = { files: ['test/model/agent.paths.test.ts'], named: /over gRPC/ };
const kasPaths: Judge = { files: ['test/model/kas.paths.test.ts'], named: /over gRPC/ };
const reusePaths: Judge = { files: ['test/model/kas.paths.test.ts'], named: /used again/ };

const tests = (...files: readonly string[]): Judge => ({ files });

/** The charts whose wrongs are counted; each of the others has its laws. */
export const judgesByChart: Readonly<Record<string, readonly Judge[]>> = {
  'agent-connection': [tests('test/actors/agent-connection.chart.test.ts'), kasPaths],
  'agent-link': [tests('test/agentk/charts/agent-link.test.ts'), agentPaths],
  'agent-session': [tests('test/actors/agent-session.chart.test.ts'), kasPaths],
  agentk: [tests('test/actors/daemon.chart.test.ts'), agentPaths],
  kas: [tests('test/actors/daemon.chart.test.ts'), kasPaths],
  'repository-poller': [tests('test/actors/repository-poller.chart.test.ts')],
  request: [tests('test/actors/request.chart.test.ts'), kasPaths],
  'store-link': [tests('test/store/redis/store-link.chart.test.ts')],
  tunnel: [tests('test/actors/tunnel.chart.test.ts'), kasPaths, reusePaths],
  'tunnel-client': [tests('test/agentk/charts/tunnel-client.test.ts'), agentPaths],
  'tunnel-pool': [tests('test/agentk/charts/tunnel-pool.test.ts'), agentPaths],
};
