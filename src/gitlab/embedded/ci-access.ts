/**
 * Which agents a CI job may use, and as whom (`spec/gitlab.md §1.11`). For each agent the most specific grant counts:
 * one for the job's project, then the one every project has on its own agents, then groups from the innermost out. Only
 * then are environments asked: a specific grant that does not fit the job's environment hides a wider one.
 */
import type { AllowedAgent } from '../../ports/index.ts';
import type { AccessRules, CiGrant } from './access-rules.ts';
import { type DirectoryAgent, type DirectoryJob, pathKey } from './directory.ts';

const ownProjectGrant: CiGrant = { defaultNamespace: '', accessAs: { kind: 'agent' } };

/** The job's grant on one agent, if it has one. `rules` is undefined while the agent's configuration is unknown. */
export function allowedAgent(
  agent: DirectoryAgent,
  rules: AccessRules | undefined,
  job: DirectoryJob,
  acrossNamespaces: boolean,
): AllowedAgent | undefined {
  const grant = mostSpecific(agent, rules, job, acrossNamespaces);
  if (grant === undefined || !fitsEnvironment(grant, job)) return undefined;
  return {
    agentId: agent.id,
    configProjectId: agent.project.id,
    defaultNamespace: grant.defaultNamespace,
    accessAs: grant.accessAs,
  };
}

function mostSpecific(
  agent: DirectoryAgent,
  rules: AccessRules | undefined,
  job: DirectoryJob,
  acrossNamespaces: boolean,
): CiGrant | undefined {
  // Grants reach no further than the top-level group of the configuration project, unless the directory says so.
  const inReach = acrossNamespaces || namespace(agent.project.path) === namespace(job.project.path);
  const forProject = inReach ? rules?.ciProjects.get(pathKey(job.project.path)) : undefined;
  if (forProject !== undefined) return forProject;
  if (agent.project.id === job.project.id) return ownProjectGrant;
  if (!inReach) return undefined;
  for (const group of job.project.groups) {
    const forGroup = rules?.ciGroups.get(pathKey(group.path));
    if (forGroup !== undefined) return forGroup;
  }
  return undefined;
}

function fitsEnvironment(grant: CiGrant, job: DirectoryJob): boolean {
  if (grant.environments === undefined) return true;
  const { environment } = job;
  return (
    environment !== undefined && grant.environments.some((pattern) => matches(pattern, environment.name))
  );
}

/** `*` stands for any run of characters, slashes too; everything else for itself. Linear: no pattern makes it slow. */
export function matches(pattern: string, name: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return name === pattern;
  const tail = rest.pop() ?? '';
  if (name.length < head.length + tail.length || !name.startsWith(head) || !name.endsWith(tail)) return false;
  let at = head.length;
  const end = name.length - tail.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** The top-level group or user of a path. */
export function namespace(path: string): string {
  return pathKey(path.split('/')[0] ?? '');
}
