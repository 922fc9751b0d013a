/** Who judges a chart with a wrong in it: the tests that know it, those first that take no time. */
import { agentPaths, chartTests, kasPaths, reusePaths, type Judge } from './judge.ts';

/** The charts whose wrongs are counted; each of the others has its laws. */
export const judgesByChart: Readonly<Record<string, readonly Judge[]>> = {
  'agent-connection': [chartTests('test/actors/agent-connection.chart.test.ts'), kasPaths],
  'agent-link': [chartTests('test/agentk/charts/agent-link.test.ts'), agentPaths],
  'agent-session': [chartTests('test/actors/agent-session.chart.test.ts'), kasPaths],
  agentk: [chartTests('test/actors/daemon.chart.test.ts'), agentPaths],
  kas: [chartTests('test/actors/daemon.chart.test.ts'), kasPaths],
  'repository-poller': [chartTests('test/actors/repository-poller.chart.test.ts')],
  request: [chartTests('test/actors/request.chart.test.ts'), kasPaths],
  'store-link': [chartTests('test/store/redis/store-link.chart.test.ts')],
  tunnel: [chartTests('test/actors/tunnel.chart.test.ts'), kasPaths, reusePaths],
  'tunnel-client': [chartTests('test/agentk/charts/tunnel-client.test.ts'), agentPaths],
  'tunnel-pool': [chartTests('test/agentk/charts/tunnel-pool.test.ts'), agentPaths],
};
