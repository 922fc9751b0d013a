/** agentk, whole: its composition root with simulated ports, at a place of the simulated network. */
import { runAgentk, unsetBuild, type Agentk } from '../../agentk/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { apiPort } from './api-server.ts';
import { wireLimits } from './limits.ts';
import { noMetrics } from './quiet-ports.ts';
import { kasPorts } from './simulated-kas.ts';
import { agentToken } from './simulated-gitlab.ts';

export function startAgent(deps: {
  readonly agentId: number;
  /** Names this life dials. */
  readonly kas: string;
  readonly api: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): Promise<Agentk> {
  const { agentId, kas, api, clock, random, log } = deps;
  return runAgentk({
    kasAddress: `grpc://${kas}:${kasPorts.agents}`,
    token: agentToken(agentId),
    kasHeaders: [],
    pod: { namespace: 'gitlab-agent', name: `agent-${agentId}` },
    build: unsetBuild,
    kubernetes: { server: `http://${api}:${apiPort}`, token: 'kube-token' },
    env: { HOME: '/nonexistent' },
    startDelayMsMax: 0,
    drainMs: wireLimits.agentDrainMs,
    ports: {
      clock,
      random,
      log,
      setLogLevel: () => {},
      metrics: noMetrics,
      expose: () => Promise.resolve({ contentType: 'text/plain', body: '' }),
    },
  });
}
