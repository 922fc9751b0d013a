/** What the fake GitLab knows: projects, agents, jobs and people. A test changes it at will; answers follow at once. */

export interface RailsProject {
  readonly id: number;
  /** Full path. */
  readonly path: string;
  readonly defaultBranch: string;
  /** Anybody may read its repository. */
  isPublic: boolean;
  /** Where its Gitaly is; `unix:/...`, `tcp://...`, `tls://...`, `dns:...`. */
  gitaly: { address: string; token: string; features?: Readonly<Record<string, string>> };
  readonly storageName: string;
  readonly relativePath: string;
}

export interface RailsAgent {
  readonly id: number;
  readonly name: string;
  readonly projectId: number;
  /** Active tokens; taking one out revokes it. */
  readonly tokens: Set<string>;
}

/** One entry of `allowed_agents`. `configuration` is the entry of `config.yaml`, as GitLab stores it. */
export interface RailsGrant {
  readonly agentId: number;
  readonly configuration: object;
}

export interface RailsJob {
  readonly token: string;
  readonly id: number;
  readonly pipelineId: number;
  readonly projectId: number;
  readonly groupIds: readonly number[];
  readonly userId: number;
  readonly environment?: { readonly slug: string; readonly tier: string };
  readonly grants: readonly RailsGrant[];
  /** A finished job's token is worth nothing. */
  isRunning: boolean;
}

export interface RailsUser {
  readonly id: number;
  readonly username: string;
  /** Personal access tokens and their scopes. */
  readonly tokens: Map<string, readonly string[]>;
  /** Value of the cookie `_gitlab_kas`, and the CSRF token of its session. */
  readonly sessions: Map<string, string>;
  /** `access_as` of the answer by agent id; no entry: not a member of anything the agent names. */
  readonly accessAs: Map<number, object>;
}

export interface RailsWorld {
  readonly projects: RailsProject[];
  readonly agents: RailsAgent[];
  readonly jobs: RailsJob[];
  readonly users: RailsUser[];
}

/** A project with everything filled in. */
export function railsProject(
  id: number,
  path: string,
  more: Partial<Omit<RailsProject, 'id' | 'path'>> = {},
): RailsProject {
  return {
    id,
    path,
    defaultBranch: 'main',
    isPublic: false,
    gitaly: { address: 'unix:/run/gitaly.socket', token: 'gitaly-token' },
    storageName: 'default',
    relativePath: `@hashed/${id}.git`,
    ...more,
  };
}

/**
 * Agent 5 `prod` (token `agent-token`) of project 7 `group/agents`; a public and a private project; job 3 (token
 * `job-token`) that may use agent 5; `ada` (PAT `glpat-ada`, cookie `cookie-ada` with CSRF `csrf-ada`) who may too.
 */
export function smallWorld(): RailsWorld {
  return {
    projects: [
      railsProject(7, 'group/agents'),
      railsProject(8, 'group/public', { isPublic: true }),
      railsProject(9, 'group/private'),
    ],
    agents: [{ id: 5, name: 'prod', projectId: 7, tokens: new Set(['agent-token']) }],
    jobs: [
      {
        token: 'job-token',
        id: 3,
        pipelineId: 6,
        projectId: 150,
        groupIds: [23, 25],
        userId: 1,
        environment: { slug: 'prod', tier: 'production' },
        grants: [{ agentId: 5, configuration: { default_namespace: 'apps', access_as: { ci_job: {} } } }],
        isRunning: true,
      },
    ],
    users: [
      {
        id: 1,
        username: 'ada',
        tokens: new Map([['glpat-ada', ['k8s_proxy']]]),
        sessions: new Map([['cookie-ada', 'csrf-ada']]),
        accessAs: new Map<number, object>([[5, { agent: {} }]]),
      },
    ],
  };
}
