/** A GitLab that knows one agent per number, its token, and one CI job that may use all of them. */
import { cachedGitLab, type CachedGitLab } from '../../gitlab/cache/index.ts';
import type { Clock, GitLab, Log, SharedErrors } from '../../ports/index.ts';
import { noMetrics } from './quiet-ports.ts';

const projectId = 1n;
export const jobToken = 'job-token';
export const agentToken = (agentId: number): string => `agent-token-${agentId}`;

export function simulatedGitLab(deps: {
  readonly agents: number;
  readonly sharedErrors: SharedErrors;
  readonly clock: Clock;
  readonly log: Log;
}): CachedGitLab {
  const unknown = () => Promise.resolve({ kind: 'unavailable', reason: 'not simulated' } as const);
  const ids = Array.from({ length: deps.agents }, (_, index) => index + 1);
  const gitlab: GitLab = {
    agentInfo: async (token) => {
      const agentId = ids.find((id) => agentToken(id) === token);
      if (agentId === undefined) return { kind: 'unauthenticated', reason: 'no such token' };
      return {
        kind: 'ok',
        value: {
          agentId: BigInt(agentId),
          agentName: `agent-${agentId}`,
          projectId,
          defaultBranch: 'main',
          repository: { projectPath: 'a/b', location: { kind: 'local', gitDir: 'none' } },
        },
      };
    },
    allowedAgents: async (token) => {
      if (token !== jobToken) return { kind: 'unauthenticated', reason: 'no such job' };
      const allowedAgents = ids.map((agentId) => ({
        agentId: BigInt(agentId),
        configProjectId: projectId,
        defaultNamespace: '',
        accessAs: { kind: 'agent' } as const,
      }));
      const job = { jobId: 1n, pipelineId: 1n, projectId, groupIds: [], userId: 1n, username: 'user' };
      return { kind: 'ok', value: { ...job, allowedAgents } };
    },
    projectInfo: unknown,
    verifyProjectAccess: unknown,
    authorizeProxyUser: unknown,
    reportAgentConfiguration: unknown,
    moduleRequest: unknown,
    reportUsage: unknown,
    reportEvents: unknown,
  };
  const { sharedErrors, clock, log } = deps;
  return cachedGitLab(gitlab, { sharedErrors, clock, log, metrics: noMetrics });
}
