/**
 * The directory: agents, projects, users, groups and jobs of the file, checked against one another and indexed for the
 * questions kas asks. Immutable; a changed file makes a new one.
 *
 * 1. What the file names exists in the file, and every name, path, id and token hash is there once.
 * 2. Paths are compared without regard to case, as GitLab does; tokens are found by their hash only.
 */
import { dirname, resolve } from 'node:path';
import type { GitRepository } from '../../ports/index.ts';
import type { Problem } from './directory-error.ts';
import type { DirectoryFile, Role } from './directory-schema.ts';
import { repositoryLocation } from './repository-location.ts';

export interface DirectoryGroup {
  readonly id: bigint;
  readonly path: string;
}
export interface DirectoryProject {
  readonly id: bigint;
  readonly path: string;
  readonly defaultBranch: string;
  /** Innermost first. */
  readonly groups: readonly DirectoryGroup[];
  readonly isPublic: boolean;
  readonly repository: GitRepository;
}
export interface DirectoryAgent {
  readonly id: bigint;
  readonly name: string;
  readonly project: DirectoryProject;
}
export interface DirectoryUser {
  readonly id: bigint;
  readonly username: string;
  readonly projects: ReadonlyMap<bigint, Role>;
  readonly groups: ReadonlyMap<bigint, Role>;
}
export interface DirectoryJob {
  readonly id: bigint;
  readonly pipelineId: bigint;
  readonly project: DirectoryProject;
  readonly user: DirectoryUser;
  readonly environment: { readonly name: string; readonly slug: string; readonly tier: string } | undefined;
}

export interface Directory {
  readonly agentsById: ReadonlyMap<bigint, DirectoryAgent>;
  readonly agentsByTokenHash: ReadonlyMap<string, DirectoryAgent>;
  readonly projectsById: ReadonlyMap<bigint, DirectoryProject>;
  /** By {@link pathKey}. */
  readonly projectsByPath: ReadonlyMap<string, DirectoryProject>;
  readonly groupsByPath: ReadonlyMap<string, DirectoryGroup>;
  readonly usersById: ReadonlyMap<bigint, DirectoryUser>;
  readonly usersByTokenHash: ReadonlyMap<string, DirectoryUser>;
  readonly jobsByTokenHash: ReadonlyMap<string, DirectoryJob>;
  readonly grantsAcrossNamespaces: boolean;
}

export type DirectoryOutcome =
  | { readonly kind: 'ok'; readonly directory: Directory }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Paths are equal when their keys are. */
export function pathKey(path: string): string {
  return path.toLowerCase();
}

/** Builds the directory of a well-formed file; `filePath` is where relative repository paths start. */
export function buildDirectory(file: DirectoryFile, filePath: string): DirectoryOutcome {
  const builder = new Builder(dirname(resolve(filePath)));
  const directory = builder.build(file);
  return builder.problems.length === 0
    ? { kind: 'ok', directory }
    : { kind: 'invalid', problems: builder.problems };
}

class Builder {
  readonly problems: Problem[] = [];
  readonly #folder: string;
  /** What was seen where, by kind of thing: `agent id` → `1` → `agents[0].id`. */
  readonly #seen = new Map<string, Map<string, string>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  build(file: DirectoryFile): Directory {
    const groupsById = this.#groups(file);
    const projectsById = this.#projects(file, groupsById);
    const projectsByPath = new Map([...projectsById.values()].map((one) => [pathKey(one.path), one]));
    const agents = this.#agents(file, projectsByPath);
    const users = this.#users(file, projectsById, groupsById);
    return {
      ...agents,
      projectsById,
      projectsByPath,
      groupsByPath: new Map([...groupsById.values()].map((one) => [pathKey(one.path), one])),
      ...users,
      jobsByTokenHash: this.#jobs(file, projectsByPath, [...users.usersById.values()]),
      grantsAcrossNamespaces: file.grants_across_namespaces,
    };
  }

  #groups(file: DirectoryFile): Map<bigint, DirectoryGroup> {
    const groups = new Map<bigint, DirectoryGroup>();
    for (const [n, { id, path }] of file.groups.entries()) {
      this.#once('group id', String(id), `groups[${n}].id`);
      this.#once('path', pathKey(path), `groups[${n}].path`);
      groups.set(BigInt(id), { id: BigInt(id), path });
    }
    return groups;
  }

  #projects(file: DirectoryFile, groups: ReadonlyMap<bigint, DirectoryGroup>): Map<bigint, DirectoryProject> {
    const projects = new Map<bigint, DirectoryProject>();
    for (const [n, project] of file.projects.entries()) {
      const at = `projects[${n}]`;
      const { path } = project;
      this.#once('project id', String(project.id), `${at}.id`);
      this.#once('path', pathKey(path), `${at}.path`);
      projects.set(BigInt(project.id), {
        id: BigInt(project.id),
        path,
        defaultBranch: project.default_branch,
        groups: this.#groupsAbove(project, at, groups),
        isPublic: project.public,
        repository: { projectPath: path, location: this.#location(project, at, file.trusted_hosts) },
      });
    }
    return projects;
  }

  #location(
    project: DirectoryFile['projects'][number],
    at: string,
    trustedHosts: readonly string[],
  ): GitRepository['location'] {
    const outcome = repositoryLocation(project, trustedHosts, this.#folder);
    if (outcome.kind === 'ok') return outcome.location;
    this.#problem(`${at}.${outcome.key}`, outcome.text);
    return { kind: 'local', gitDir: '' };
  }

  #groupsAbove(
    project: DirectoryFile['projects'][number],
    at: string,
    groups: ReadonlyMap<bigint, DirectoryGroup>,
  ): DirectoryGroup[] {
    const found: DirectoryGroup[] = [];
    for (const [n, id] of project.groups.entries()) {
      const group = groups.get(BigInt(id));
      const place = `${at}.groups[${n}]`;
      if (group === undefined) {
        this.#problem(place, `there is no group with id ${id}; add it under groups`);
      } else if (!isBelow(project.path, group.path)) {
        this.#problem(
          place,
          `group ${group.path} is not above ${project.path}; mend the path or remove the group`,
        );
      } else if (!isBelow(group.path, found[0]?.path)) {
        this.#problem(place, 'groups must be listed outermost first, each once');
      } else {
        found.unshift(group);
      }
    }
    return found;
  }

  #agents(
    file: DirectoryFile,
    projects: ReadonlyMap<string, DirectoryProject>,
  ): Pick<Directory, 'agentsById' | 'agentsByTokenHash'> {
    const agentsById = new Map<bigint, DirectoryAgent>();
    const agentsByTokenHash = new Map<string, DirectoryAgent>();
    for (const [n, { id, name, project: path, token_hashes }] of file.agents.entries()) {
      const at = `agents[${n}]`;
      this.#once('agent id', String(id), `${at}.id`);
      this.#once(`agent name in project ${path}`, `${pathKey(path)}:${name}`, `${at}.name`, name);
      const project = this.#projectAt(path, `${at}.project`, projects);
      if (project === undefined) continue;
      const agent = { id: BigInt(id), name, project };
      agentsById.set(agent.id, agent);
      for (const hash of this.#tokenHashes(token_hashes, at)) agentsByTokenHash.set(hash, agent);
    }
    return { agentsById, agentsByTokenHash };
  }

  #users(
    file: DirectoryFile,
    projects: ReadonlyMap<bigint, DirectoryProject>,
    groups: ReadonlyMap<bigint, DirectoryGroup>,
  ): Pick<Directory, 'usersById' | 'usersByTokenHash'> {
    const usersById = new Map<bigint, DirectoryUser>();
    const usersByTokenHash = new Map<string, DirectoryUser>();
    for (const [n, user] of file.users.entries()) {
      const at = `users[${n}]`;
      this.#once('user id', String(user.id), `${at}.id`);
      this.#once('username', user.username.toLowerCase(), `${at}.username`);
      const made = {
        id: BigInt(user.id),
        username: user.username,
        projects: this.#memberships(user.projects, `${at}.projects`, projects, 'project'),
        groups: this.#memberships(user.groups, `${at}.groups`, groups, 'group'),
      };
      usersById.set(made.id, made);
      for (const hash of this.#tokenHashes(user.token_hashes, at)) usersByTokenHash.set(hash, made);
    }
    return { usersById, usersByTokenHash };
  }

  #memberships(
    entries: readonly { readonly id: number; readonly role: Role }[],
    at: string,
    known: ReadonlyMap<bigint, unknown>,
    kind: string,
  ): Map<bigint, Role> {
    const memberships = new Map<bigint, Role>();
    for (const [n, { id, role }] of entries.entries()) {
      if (!known.has(BigInt(id))) {
        this.#problem(`${at}[${n}].id`, `there is no ${kind} with id ${id}; add it under ${kind}s`);
      }
      if (memberships.has(BigInt(id)))
        this.#problem(`${at}[${n}].id`, `${kind} ${id} is listed twice; keep one`);
      memberships.set(BigInt(id), role);
    }
    return memberships;
  }

  #jobs(
    file: DirectoryFile,
    projects: ReadonlyMap<string, DirectoryProject>,
    users: readonly DirectoryUser[],
  ): Map<string, DirectoryJob> {
    const jobs = new Map<string, DirectoryJob>();
    for (const [n, job] of file.jobs.entries()) {
      const at = `jobs[${n}]`;
      this.#once('job id', String(job.id), `${at}.id`);
      this.#once('token hash', job.token_hash, `${at}.token_hash`, '');
      const project = this.#projectAt(job.project, `${at}.project`, projects);
      const user = users.find(({ username }) => username.toLowerCase() === job.user.toLowerCase());
      if (user === undefined) this.#problem(`${at}.user`, `there is no user ${job.user}; add it under users`);
      if (project === undefined || user === undefined) continue;
      const { environment } = job;
      jobs.set(job.token_hash, {
        id: BigInt(job.id),
        pipelineId: BigInt(job.pipeline),
        project,
        user,
        environment: environment && { ...environment, name: environment.name ?? environment.slug },
      });
    }
    return jobs;
  }

  #projectAt(
    path: string,
    at: string,
    projects: ReadonlyMap<string, DirectoryProject>,
  ): DirectoryProject | undefined {
    const project = projects.get(pathKey(path));
    if (project === undefined) this.#problem(at, `there is no project ${path}; add it under projects`);
    return project;
  }

  #tokenHashes(hashes: readonly string[], at: string): readonly string[] {
    for (const [n, hash] of hashes.entries()) this.#once('token hash', hash, `${at}.token_hashes[${n}]`, '');
    return hashes;
  }

  #once(kind: string, key: string, at: string, shown = key): void {
    const seen = this.#seen.get(kind) ?? new Map<string, string>();
    this.#seen.set(kind, seen);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, at);
    else
      this.#problem(
        at,
        `${kind}${shown === '' ? '' : ` ${shown}`} is already used at ${first}; each may appear once`,
      );
  }

  #problem(path: string, text: string): void {
    this.problems.push({ path, text });
  }
}

/** Whether `path` lies in the group at `above`; anything lies below nothing. */
function isBelow(path: string, above: string | undefined): boolean {
  return above === undefined || pathKey(path).startsWith(`${pathKey(above)}/`);
}
