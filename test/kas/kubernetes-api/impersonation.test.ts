import { describe, expect, it } from 'vitest';
import { impersonationForJob, impersonationForUser } from '../../../src/kas/kubernetes-api/impersonation.ts';
import type { AllowedAgent, AllowedAgentsForJob, AuthorizedProxyUser } from '../../../src/ports/index.ts';

const job: AllowedAgentsForJob = {
  allowedAgents: [],
  jobId: 1n,
  pipelineId: 2n,
  projectId: 3n,
  groupIds: [4n, 5n],
  userId: 6n,
  username: 'alice',
};
const agent = (accessAs: AllowedAgent['accessAs']): AllowedAgent => ({
  agentId: 7n,
  configProjectId: 8n,
  defaultNamespace: '',
  accessAs,
});
const user = (accessAs: AuthorizedProxyUser['accessAs']): AuthorizedProxyUser => ({
  agentId: 7n,
  configProjectId: 8n,
  userId: 6n,
  username: 'alice',
  accessAs,
});

describe('a CI job', () => {
  it('acts as the agent without impersonation', () => {
    expect(impersonationForJob(agent({ kind: 'agent' }), job)).toBeUndefined();
  });

  it('acts as whom the configuration names', () => {
    const as = { username: 'u', uid: 'i', groups: ['g2', 'g1'], extra: [{ key: 'k', val: ['2', '1'] }] };
    expect(impersonationForJob(agent({ kind: 'impersonate', ...as }), job)).toEqual(as);
  });

  it('acts as itself, in the order of the originals', () => {
    expect(impersonationForJob(agent({ kind: 'ciJob' }), job)).toEqual({
      username: 'gitlab:ci_job:1',
      uid: '',
      groups: ['gitlab:ci_job', 'gitlab:group:4', 'gitlab:group:5', 'gitlab:project:3'],
      extra: [
        { key: 'agent.gitlab.com/id', val: ['7'] },
        { key: 'agent.gitlab.com/config_project_id', val: ['8'] },
        { key: 'agent.gitlab.com/project_id', val: ['3'] },
        { key: 'agent.gitlab.com/ci_pipeline_id', val: ['2'] },
        { key: 'agent.gitlab.com/ci_job_id', val: ['1'] },
        { key: 'agent.gitlab.com/username', val: ['alice'] },
      ],
    });
  });

  it('with an environment has its groups and keys too', () => {
    const inEnvironment = { ...job, environment: { slug: 'prod-eu', tier: 'production' } };
    const found = impersonationForJob(agent({ kind: 'ciJob' }), inEnvironment);
    expect(found?.groups).toEqual([
      'gitlab:ci_job',
      'gitlab:group:4',
      'gitlab:group_env_tier:4:production',
      'gitlab:group:5',
      'gitlab:group_env_tier:5:production',
      'gitlab:project:3',
      'gitlab:project_env:3:prod-eu',
      'gitlab:project_env_tier:3:production',
    ]);
    expect(found?.extra.slice(-2)).toEqual([
      { key: 'agent.gitlab.com/environment_slug', val: ['prod-eu'] },
      { key: 'agent.gitlab.com/environment_tier', val: ['production'] },
    ]);
  });
});

describe('a person', () => {
  it('acts as the agent without impersonation', () => {
    expect(impersonationForUser(user({ kind: 'agent' }), 'session_cookie')).toBeUndefined();
  });

  it('acts as themselves with the roles of projects, then of groups', () => {
    const found = impersonationForUser(
      user({
        kind: 'user',
        projects: [
          { id: 1n, roles: ['reporter', 'developer'] },
          { id: 2n, roles: ['owner'] },
        ],
        groups: [{ id: 3n, roles: ['guest'] }],
      }),
      'personal_access_token',
    );
    expect(found).toEqual({
      username: 'gitlab:user:alice',
      uid: '',
      groups: [
        'gitlab:user',
        'gitlab:project_role:1:reporter',
        'gitlab:project_role:1:developer',
        'gitlab:project_role:2:owner',
        'gitlab:group_role:3:guest',
      ],
      extra: [
        { key: 'agent.gitlab.com/id', val: ['7'] },
        { key: 'agent.gitlab.com/username', val: ['alice'] },
        { key: 'agent.gitlab.com/access_type', val: ['personal_access_token'] },
        { key: 'agent.gitlab.com/config_project_id', val: ['8'] },
      ],
    });
  });
});
