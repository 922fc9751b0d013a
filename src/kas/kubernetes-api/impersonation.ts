/**
 * As whom a caller acts in the cluster: what `access_as` means in Kubernetes terms (`spec/kas.md §5.6`). The order of
 * groups and extra keys is the originals'.
 */
import type {
  AllowedAgent,
  AllowedAgentsForJob,
  AuthorizedProxyUser,
  ProxyAccessType,
} from '../../ports/index.ts';

export interface Impersonation {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: readonly { readonly key: string; readonly val: readonly string[] }[];
}

const prefix = 'agent.gitlab.com/';

/** Undefined: the agent's own service account is used, and the client may impersonate by its own headers. */
export function impersonationForJob(
  agent: AllowedAgent,
  job: AllowedAgentsForJob,
): Impersonation | undefined {
  const as = agent.accessAs;
  switch (as.kind) {
    case 'agent':
      return undefined;
    case 'impersonate':
      return { username: as.username, uid: as.uid, groups: as.groups, extra: as.extra };
    case 'ciJob':
      return ciJob(agent, job);
  }
}

function ciJob(agent: AllowedAgent, job: AllowedAgentsForJob): Impersonation {
  const { environment } = job;
  const groups = ['gitlab:ci_job'];
  for (const id of job.groupIds) {
    groups.push(`gitlab:group:${id}`);
    if (environment !== undefined) groups.push(`gitlab:group_env_tier:${id}:${environment.tier}`);
  }
  groups.push(`gitlab:project:${job.projectId}`);
  const extra = [
    one('id', agent.agentId),
    one('config_project_id', agent.configProjectId),
    one('project_id', job.projectId),
    one('ci_pipeline_id', job.pipelineId),
    one('ci_job_id', job.jobId),
    one('username', job.username),
  ];
  if (environment !== undefined) {
    groups.push(
      `gitlab:project_env:${job.projectId}:${environment.slug}`,
      `gitlab:project_env_tier:${job.projectId}:${environment.tier}`,
    );
    extra.push(one('environment_slug', environment.slug), one('environment_tier', environment.tier));
  }
  return { username: `gitlab:ci_job:${job.jobId}`, uid: '', groups, extra };
}

export function impersonationForUser(
  user: AuthorizedProxyUser,
  accessType: ProxyAccessType,
): Impersonation | undefined {
  const as = user.accessAs;
  if (as.kind === 'agent') return undefined;
  const groups = ['gitlab:user'];
  for (const { id, roles } of as.projects)
    for (const role of roles) groups.push(`gitlab:project_role:${id}:${role}`);
  for (const { id, roles } of as.groups)
    for (const role of roles) groups.push(`gitlab:group_role:${id}:${role}`);
  return {
    username: `gitlab:user:${user.username}`,
    uid: '',
    groups,
    extra: [
      one('id', user.agentId),
      one('username', user.username),
      one('access_type', accessType),
      one('config_project_id', user.configProjectId),
    ],
  };
}

function one(key: string, value: bigint | string) {
  return { key: prefix + key, val: [String(value)] };
}
