/** GitLab's messages as the port has them. The messages are validated: what is required is there. */
import type {
  AgentInfo,
  AllowedAgent,
  AllowedAgentsForJob,
  AuthorizedProxyUser,
  CiAccessAs,
  GitRepository,
  ProjectInfo,
} from '../../ports/index.ts';
import type {
  ApiAllowedAgent,
  ApiAllowedAgentsForJob,
  AuthorizeProxyUserResponse,
  GetAgentInfoResponse,
  GetProjectInfoResponse,
  GitalyInfo,
  GitalyRepository,
} from '../../protocol/index.ts';

export function agentInfoOf(message: GetAgentInfoResponse): AgentInfo {
  const { agentId, agentName, projectId, defaultBranch, gitalyInfo, gitalyRepository } = message;
  const repository = repositoryOf(gitalyInfo, gitalyRepository);
  return { agentId, agentName, projectId, defaultBranch, repository };
}

export function projectInfoOf(message: GetProjectInfoResponse): ProjectInfo {
  const { projectId, defaultBranch, gitalyInfo, gitalyRepository } = message;
  return { projectId, defaultBranch, repository: repositoryOf(gitalyInfo, gitalyRepository) };
}

function repositoryOf(info: GitalyInfo | undefined, repository: GitalyRepository | undefined): GitRepository {
  return {
    projectPath: repository?.glProjectPath ?? '',
    location: {
      kind: 'gitaly',
      address: info?.address ?? '',
      token: info?.token ?? '',
      features: info?.features ?? {},
      storageName: repository?.storageName ?? '',
      relativePath: repository?.relativePath ?? '',
      glRepository: repository?.glRepository ?? '',
      ...objectDirectories(repository),
    },
  };
}

/** Absent where they are the usual ones. */
function objectDirectories(repository: GitalyRepository | undefined) {
  const { gitObjectDirectory = '', gitAlternateObjectDirectories = [] } = repository ?? {};
  return {
    ...(gitObjectDirectory === '' ? {} : { gitObjectDirectory }),
    ...(gitAlternateObjectDirectories.length === 0 ? {} : { gitAlternateObjectDirectories }),
  };
}

export function allowedAgentsOf(message: ApiAllowedAgentsForJob): AllowedAgentsForJob {
  const { allowedAgents, job, pipeline, project, user, environment } = message;
  return {
    allowedAgents: allowedAgents.map(allowedAgentOf),
    jobId: job?.id ?? 0n,
    pipelineId: pipeline?.id ?? 0n,
    projectId: project?.id ?? 0n,
    groupIds: (project?.groups ?? []).map(({ id }) => id),
    userId: user?.id ?? 0n,
    username: user?.username ?? '',
    ...(environment === undefined ? {} : { environment: { slug: environment.slug, tier: environment.tier } }),
  };
}

function allowedAgentOf({ id, configProject, configuration }: ApiAllowedAgent): AllowedAgent {
  return {
    agentId: id,
    configProjectId: configProject?.id ?? 0n,
    defaultNamespace: configuration?.defaultNamespace ?? '',
    accessAs: ciAccessAs(configuration?.accessAs),
  };
}

/** No `access_as` is the agent's own identity; one without a member does not pass validation. */
function ciAccessAs(accessAs: NonNullable<ApiAllowedAgent['configuration']>['accessAs']): CiAccessAs {
  switch (accessAs?.as.case) {
    case 'ciJob':
      return { kind: 'ciJob' };
    case 'impersonate': {
      const { username, uid, groups, extra } = accessAs.as.value;
      return {
        kind: 'impersonate',
        username,
        uid,
        groups,
        extra: extra.map(({ key, val }) => ({ key, val })),
      };
    }
    case 'agent':
    case undefined:
      return { kind: 'agent' };
  }
}

/** Undefined when it grants nothing we know. */
export function authorizedUserOf(message: AuthorizeProxyUserResponse): AuthorizedProxyUser | undefined {
  const accessAs = userAccessAs(message.accessAs);
  return (
    accessAs && {
      agentId: message.agent?.id ?? 0n,
      configProjectId: message.agent?.configProject?.id ?? 0n,
      userId: message.user?.id ?? 0n,
      username: message.user?.username ?? '',
      accessAs,
    }
  );
}

function userAccessAs(
  granted: AuthorizeProxyUserResponse['accessAs'],
): AuthorizedProxyUser['accessAs'] | undefined {
  switch (granted?.accessAs.case) {
    case 'agent':
      return { kind: 'agent' };
    case 'user': {
      const { projects, groups } = granted.accessAs.value;
      const rights = ({ id, roles }: { readonly id: bigint; readonly roles: readonly string[] }) => ({
        id,
        roles,
      });
      return { kind: 'user', projects: projects.map(rights), groups: groups.map(rights) };
    }
    case undefined:
      return undefined;
  }
}
