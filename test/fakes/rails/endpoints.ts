/** The endpoints kas calls, as GitLab Rails answers them (`spec/gitlab.md §1`). */
import { kasJwtFault } from './kas-jwt.ts';
import type { RailsAgent, RailsProject, RailsUser, RailsWorld } from './world.ts';

/** Which headers name the agent, and which paths exist (`spec/gitlab.md §0`). */
export type RailsAge = 'old' | 'middle' | 'newest';

export interface RailsRequest {
  readonly method: string;
  /** Without the relative root and the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface RailsReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
}

export interface RailsState {
  readonly world: RailsWorld;
  readonly age: RailsAge;
  readonly secret: Buffer;
  readonly nowMs: number;
}

const internal = '/api/v4/internal/kubernetes/';
const noContent: RailsReply = { status: 204 };
/** What no route answers to; differs from a resource that is not there. */
const noRoute: RailsReply = { status: 404, json: { error: '404 Not Found' } };

const message = (status: number, text: string): RailsReply => ({ status, json: { message: text } });
const unauthorized = message(401, '401 Unauthorized');
const notFound = message(404, '404 Not Found');

export function railsReply(request: RailsRequest, state: RailsState): RailsReply {
  const { method, path } = request;
  if (method === 'GET' && path === '/api/v4/job/allowed_agents') return allowedAgents(request, state);
  const agentk = state.age !== 'old' && path === '/api/v4/internal/agents/agentk/agent_info';
  if (!agentk && !path.startsWith(internal)) return noRoute;
  if (kasJwtFault(request.headers['gitlab-kas-api-request'], state.secret, state.nowMs) !== undefined)
    return message(401, 'KAS JWT authentication invalid');
  if (agentk) return method === 'GET' ? agentInfo(request, state) : noRoute;
  switch (`${method} ${path.slice(internal.length)}`) {
    case 'GET agent_info':
      return state.age === 'newest' ? noRoute : agentInfo(request, state);
    case 'GET project_info':
      return projectInfo(request, state);
    case 'GET verify_project_access':
      return projectInfo(request, state).status === 200 ? noContent : notFound;
    case 'POST agent_configuration':
      return agentConfiguration(request, state);
    case 'POST usage_metrics':
      return usageMetrics(request);
    case 'POST agent_events':
      return state.age === 'newest' ? noContent : noRoute;
    case 'POST authorize_proxy_user':
      return authorizeProxyUser(request, state);
    default:
      return noRoute; // modules are for licensed editions
  }
}

/** Oldest: `Authorization` only. Middle: that, else the new header. Newest: only the new headers. */
function agentOf({ headers, path }: RailsRequest, { world, age }: RailsState): RailsAgent | undefined {
  const bearer = headers['authorization']?.replace(/^Bearer /, '');
  const agentk = headers['gitlab-agentk-api-request'];
  const agent = headers['gitlab-agent-api-request'];
  const outside = !path.startsWith(internal);
  // Outside the internal prefix a bearer is taken for a person's token, which it is not.
  if (outside && headers['authorization'] !== undefined) return undefined;
  const token = age === 'old' ? bearer : age === 'middle' ? (bearer ?? agentk) : (agentk ?? agent);
  return world.agents.find(({ tokens }) => token !== undefined && tokens.has(token));
}

function agentInfo(request: RailsRequest, state: RailsState): RailsReply {
  const agent = agentOf(request, state);
  const project = state.world.projects.find(({ id }) => id === agent?.projectId);
  if (agent === undefined) return unauthorized;
  if (project === undefined) return notFound;
  return {
    status: 200,
    headers: state.age === 'newest' ? { 'Gitlab-Feature-Flag': 'one=true, two=false' } : {},
    json: { ...projectJson(project), agent_id: agent.id, agent_name: agent.name, added_later: { a: 1 } },
  };
}

function projectInfo(request: RailsRequest, state: RailsState): RailsReply {
  const agent = agentOf(request, state);
  if (agent === undefined) return unauthorized;
  const wanted = request.query.get('id');
  if (wanted === null) return { status: 400, json: { error: 'id is missing' } };
  const project = state.world.projects.find(({ id, path }) => wanted === path || wanted === String(id));
  const readable = project !== undefined && (project.isPublic || project.id === agent.projectId);
  return readable ? { status: 200, json: projectJson(project) } : message(404, '404 Project Not Found');
}

function projectJson({ id, path, gitaly, storageName, relativePath, defaultBranch }: RailsProject) {
  return {
    project_id: id,
    default_branch: defaultBranch,
    gitaly_info: { ...gitaly },
    gitaly_repository: {
      storage_name: storageName,
      relative_path: relativePath,
      git_object_directory: '',
      git_alternate_object_directories: [],
      gl_repository: `project-${id}`,
      gl_project_path: path,
    },
  };
}

function agentConfiguration({ body }: RailsRequest, { world }: RailsState): RailsReply {
  const { agent_id: agentId, agent_config: config } = jsonBody(body);
  if (!/^\d+$/.test(String(agentId)) || typeof config !== 'object' || config === null)
    return { status: 400, json: { error: 'agent_id, agent_config are missing' } };
  return world.agents.some(({ id }) => id === Number(agentId)) ? noContent : notFound;
}

function usageMetrics({ body }: RailsRequest): RailsReply {
  const { counters = {}, unique_counters: unique = {} } = jsonBody(body);
  const numbers = [...Object.values(Object(counters)), ...Object.values(Object(unique)).flat()];
  return numbers.every((one) => Number.isInteger(one))
    ? noContent
    : { status: 400, json: { error: 'counters is invalid' } };
}

function allowedAgents({ headers }: RailsRequest, { world }: RailsState): RailsReply {
  const job = world.jobs.find(({ token }) => token === headers['job-token']);
  if (job === undefined || !job.isRunning) return unauthorized;
  const user = world.users.find(({ id }) => id === job.userId);
  const configProject = (agentId: number) => world.agents.find(({ id }) => id === agentId)?.projectId;
  return {
    status: 200,
    json: {
      allowed_agents: job.grants.map(({ agentId, configuration }) => ({
        id: agentId,
        config_project: { id: configProject(agentId), name: 'agents', path: 'agents' },
        configuration,
      })),
      job: { id: job.id },
      pipeline: { id: job.pipelineId },
      project: { id: job.projectId, groups: job.groupIds.map((id) => ({ id })) },
      user: { id: user?.id, username: user?.username, roles_in_project: ['reporter', 'developer'] },
      ...(job.environment === undefined ? {} : { environment: job.environment }),
    },
  };
}

function authorizeProxyUser({ body }: RailsRequest, { world }: RailsState): RailsReply {
  const asked = jsonBody(body);
  const key = typeof asked['access_key'] === 'string' ? asked['access_key'] : '';
  const agent = world.agents.find(({ id }) => String(id) === String(asked['agent_id']));
  let user: RailsUser | undefined;
  if (asked['access_type'] === 'session_cookie') {
    if (!asked['csrf_token']) return { status: 400, json: { error: 'csrf_token is missing' } };
    user = world.users.find(({ sessions }) => sessions.has(key));
    if (user === undefined) return message(400, '400 Bad request - Invalid access_key');
    if (user.sessions.get(key) !== asked['csrf_token']) return unauthorized;
  } else if (asked['access_type'] === 'personal_access_token') {
    user = world.users.find(({ tokens }) => tokens.has(key));
    if (user === undefined) return message(400, '400 Bad request - Unable to get user from request data');
    if (user.tokens.get(key)?.includes('k8s_proxy') !== true) return message(403, '403 Forbidden');
  } else {
    return { status: 400, json: { error: 'access_type does not have a valid value' } };
  }
  if (agent === undefined) return notFound;
  const accessAs = user.accessAs.get(agent.id);
  if (accessAs === undefined) return message(403, '403 Forbidden');
  return {
    status: 200,
    json: {
      agent: { id: agent.id, config_project: { id: agent.projectId } },
      user: { id: user.id, username: user.username },
      access_as: accessAs,
    },
  };
}

function jsonBody(body: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(body.toString())) as Record<string, unknown>;
  } catch {
    return {};
  }
}
