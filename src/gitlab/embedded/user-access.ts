/**
 * Whether a person may use an agent, and as whom (`spec/gitlab.md §1.10`): developers and above of a project or group
 * that the agent's `user_access` section lists.
 *
 * 1. A role in a group counts in all groups and projects below it; the highest of all counts.
 * 2. Listed projects and groups outside the top-level group of the configuration project count only when the directory
 *    allows it.
 */
import type { AuthorizedProxyUser } from '../../ports/index.ts';
import type { UserAccess } from './access-rules.ts';
import { namespace } from './ci-access.ts';
import {
  type Directory,
  type DirectoryAgent,
  type DirectoryProject,
  type DirectoryUser,
  pathKey,
} from './directory.ts';
import { type Role, roles } from './directory-schema.ts';

type Granted = { readonly id: bigint; readonly roles: readonly string[] };

/** What the user may do with the agent, or why not. */
export function authorizeUser(
  directory: Directory,
  agent: DirectoryAgent,
  user: DirectoryUser,
  access: UserAccess | undefined,
):
  | { readonly kind: 'ok'; readonly accessAs: AuthorizedProxyUser['accessAs'] }
  | { readonly kind: 'no'; readonly reason: string } {
  if (access === undefined) return { kind: 'no', reason: 'the agent has no user_access' };
  if (access.accessAs === undefined) return { kind: 'no', reason: 'user_access has no valid access_as' };
  const reaches = (path: string): boolean =>
    directory.grantsAcrossNamespaces || namespace(path) === namespace(agent.project.path); // 2
  const projects: Granted[] = [];
  for (const key of access.projects) {
    const project = directory.projectsByPath.get(key);
    if (project === undefined || !reaches(key)) continue;
    projects.push(...granted(project.id, projectRole(project, user)));
  }
  const groups: Granted[] = [];
  for (const key of access.groups) {
    const group = directory.groupsByPath.get(key);
    if (group === undefined || !reaches(key)) continue;
    groups.push(...granted(group.id, groupRole(directory, group.path, user)));
  }
  if (projects.length === 0 && groups.length === 0) {
    return { kind: 'no', reason: 'the user is no developer of a listed project or group' };
  }
  return {
    kind: 'ok',
    accessAs: access.accessAs === 'agent' ? { kind: 'agent' } : { kind: 'user', projects, groups },
  };
}

function granted(id: bigint, level: number): Granted[] {
  return level < roles.indexOf('developer') ? [] : [{ id, roles: roles.slice(0, level + 1) }];
}

function projectRole(project: DirectoryProject, user: DirectoryUser): number {
  const inherited = project.groups.map((group) => level(user.groups.get(group.id))); // 1
  return Math.max(level(user.projects.get(project.id)), ...inherited);
}

function groupRole(directory: Directory, path: string, user: DirectoryUser): number {
  let highest = -1;
  const parts = pathKey(path).split('/');
  for (let length = 1; length <= parts.length; length += 1) {
    const above = directory.groupsByPath.get(parts.slice(0, length).join('/'));
    if (above !== undefined) highest = Math.max(highest, level(user.groups.get(above.id))); // 1
  }
  return highest;
}

function level(role: Role | undefined): number {
  return role === undefined ? -1 : roles.indexOf(role);
}
