/**
 * GitLab without GitLab: the port answered from a directory file and the bare repositories it names
 * (`spec/gitlab.md §9`), so that a team with nothing but a kas can use agents, CI jobs and people's tokens.
 *
 * 1. Every answer comes from one directory: a reload in between changes the next answer, not half of this one.
 * 2. A token is looked up by its hash; neither it nor its hash goes anywhere else.
 */
import { resolve } from 'node:path';
import type {
  AgentInfo,
  AllowedAgentsForJob,
  AuthorizedProxyUser,
  AuthorizeProxyUserRequest,
  Clock,
  Git,
  GitLab,
  GitLabResult,
  Log,
  ModuleAnswer,
  ModuleRequest,
  ProjectInfo,
} from '../../ports/index.ts';
import { Registry, reportsToLog, Supervisor, type TransitionObserver } from '../../supervisor/index.ts';
import { watchedFilesChildren, type WatchFolder } from '../../files/index.ts';
import type { AccessRules } from './access-rules.ts';
import { allowedAgent } from './ci-access.ts';
import { ConfigurationRules, type ParseConfiguration } from './configuration-rules.ts';
import { type Directory, type DirectoryAgent, type DirectoryJob, pathKey } from './directory.ts';
import { DirectoryFileError, problemLines } from './directory-error.ts';
import { DirectoryFileResource } from './directory-file.ts';
import { embeddedLimits } from './limits.ts';
import { hashToken } from './tokens.ts';
import { authorizeUser } from './user-access.ts';

export type { ParseConfiguration } from './configuration-rules.ts';

export interface EmbeddedGitLabOptions {
  /** The directory file; repositories are found relative to it. */
  readonly file: string;
  readonly git: Git;
  readonly clock: Clock;
  readonly log: Log;
  /** `parseAgentConfiguration` of `src/protocol`. */
  readonly parseConfiguration: ParseConfiguration;
  /** Default true; false reads the file once. */
  readonly watch?: boolean;
  /** How to hear of changes in a folder; for tests. */
  readonly watchFolder?: WatchFolder;
  readonly observe?: TransitionObserver | undefined;
}

/** How the directory file fares, for the status page. */
export interface EmbeddedGitLabState {
  readonly file: string;
  /** A state of the `watchedFiles` machine; `stopped` after `close`. */
  readonly state: string;
  /** Good files read so far. */
  readonly accepted: number;
  /** What is wrong with the file as it is now; empty when it is in force. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly agents: number;
  readonly projects: number;
  readonly users: number;
  readonly jobs: number;
}

export interface EmbeddedGitLab extends GitLab {
  state(): EmbeddedGitLabState;
  /** Tells of each reload that took effect; answers how to stop being told. Caches should forget then. */
  onChanged(listener: () => void): () => void;
  close(): Promise<void>;
}

/**
 * Reads the directory file and begins to watch it. Rejects with a `DirectoryFileError` when the first reading finds
 * nothing usable; later bad files only show in the log and in `state()`.
 */
export async function openEmbeddedGitLab(options: EmbeddedGitLabOptions): Promise<EmbeddedGitLab> {
  const gitlab = new FileGitLab(options);
  await gitlab.open();
  return gitlab;
}

class FileGitLab implements EmbeddedGitLab {
  readonly #resource: DirectoryFileResource;
  readonly #rules: ConfigurationRules;
  readonly #supervisor: Supervisor;
  readonly #listeners = new Set<() => void>();
  #closed = false;

  constructor(options: EmbeddedGitLabOptions) {
    const { clock, log } = options;
    const file = resolve(options.file);
    this.#rules = new ConfigurationRules(options.git, options.parseConfiguration, log);
    this.#resource = new DirectoryFileResource(file, log, (directory) => this.#changed(directory));
    this.#supervisor = new Supervisor(
      {
        id: 'embedded-gitlab',
        strategy: 'one_for_one',
        children: watchedFilesChildren(new Map([['directory-file', this.#resource]]), options),
      },
      {
        clock,
        // Only jitter would need it, and there is one file and one reader.
        random: { next: () => 0, int63: () => 0n },
        registry: new Registry(),
        report: reportsToLog(log),
        ...(options.observe === undefined ? {} : { observe: options.observe }),
      },
    );
  }

  async open(): Promise<void> {
    await this.#supervisor.start();
    if (this.#resource.directory !== undefined) return;
    await this.close();
    const { file, problems } = this.#resource;
    throw new DirectoryFileError(
      file,
      problems.length > 0 ? problems : [{ path: '', text: 'could not be read in time' }],
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#rules.close();
    this.#listeners.clear();
    await this.#supervisor.stop('closed');
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  state(): EmbeddedGitLabState {
    const { directory, problems, warnings, file } = this.#resource;
    const snapshot = this.#supervisor.whichChildren()[0]?.ref?.getSnapshot() as
      | { readonly value: unknown; readonly context: { readonly accepted: number } }
      | undefined;
    return {
      file,
      state: this.#closed || snapshot === undefined ? 'stopped' : String(snapshot.value),
      accepted: snapshot?.context.accepted ?? 0,
      problems: problemLines(problems),
      warnings: problemLines(warnings),
      agents: directory?.agentsById.size ?? 0,
      projects: directory?.projectsById.size ?? 0,
      users: directory?.usersById.size ?? 0,
      jobs: directory?.jobsByTokenHash.size ?? 0,
    };
  }

  agentInfo(agentToken: string): Promise<GitLabResult<AgentInfo>> {
    const agent = this.#directory().agentsByTokenHash.get(hashToken(agentToken));
    if (agent === undefined) return answer(unknownToken);
    const { project } = agent;
    return answer({
      kind: 'ok',
      value: {
        agentId: agent.id,
        agentName: agent.name,
        projectId: project.id,
        defaultBranch: project.defaultBranch,
        repository: project.repository,
      },
    });
  }

  projectInfo(agentToken: string, projectPath: string): Promise<GitLabResult<ProjectInfo>> {
    const directory = this.#directory();
    const agent = directory.agentsByTokenHash.get(hashToken(agentToken));
    if (agent === undefined) return answer(unknownToken);
    const project = directory.projectsByPath.get(pathKey(projectPath));
    if (project === undefined || (!project.isPublic && project !== agent.project)) {
      return answer({ kind: 'notFound', reason: 'project not found' });
    }
    const { id: projectId, defaultBranch, repository } = project;
    return answer({ kind: 'ok', value: { projectId, defaultBranch, repository } });
  }

  async verifyProjectAccess(agentToken: string, projectPath: string): Promise<GitLabResult<boolean>> {
    const known = this.#directory().agentsByTokenHash.has(hashToken(agentToken));
    if (!known) return { kind: 'ok', value: false };
    const { kind } = await this.projectInfo(agentToken, projectPath);
    return { kind: 'ok', value: kind === 'ok' };
  }

  async allowedAgents(jobToken: string, signal: AbortSignal): Promise<GitLabResult<AllowedAgentsForJob>> {
    const directory = this.#directory(); // 1
    const job = directory.jobsByTokenHash.get(hashToken(jobToken));
    if (job === undefined) return unknownToken;
    const agents = [...directory.agentsById.values()];
    const rules = await unlessAborted(this.#rules.of(agents), signal);
    if (rules === undefined) return cancelled;
    const allowed = agents.map((agent) =>
      allowedAgent(agent, rules.get(agent.id), job, directory.grantsAcrossNamespaces),
    );
    return {
      kind: 'ok',
      value: { ...jobIdentity(job), allowedAgents: allowed.filter((one) => one !== undefined) },
    };
  }

  async authorizeProxyUser(
    request: AuthorizeProxyUserRequest,
    signal: AbortSignal,
  ): Promise<GitLabResult<AuthorizedProxyUser>> {
    const directory = this.#directory(); // 1
    if (request.accessType !== 'personal_access_token') {
      return {
        kind: 'unauthenticated',
        reason: 'session cookies need a GitLab; use a personal access token',
      };
    }
    const user = directory.usersByTokenHash.get(hashToken(request.accessKey));
    if (user === undefined) return unknownToken;
    const agent = directory.agentsById.get(request.agentId);
    if (agent === undefined) return { kind: 'notFound', reason: 'agent not found' };
    const rules = await unlessAborted(this.#rulesOf(agent), signal);
    if (rules === undefined) return cancelled;
    if (rules === 'unknown')
      return { kind: 'unavailable', reason: "the agent's configuration cannot be read" };
    const verdict = authorizeUser(directory, agent, user, rules.userAccess);
    if (verdict.kind === 'no') return { kind: 'forbidden', reason: verdict.reason };
    return {
      kind: 'ok',
      value: {
        agentId: agent.id,
        configProjectId: agent.project.id,
        userId: user.id,
        username: user.username,
        accessAs: verdict.accessAs,
      },
    };
  }

  /** Nothing to store: the rules are read from Git when they are needed. Only an unknown agent is told apart. */
  reportAgentConfiguration(agentId: bigint): Promise<GitLabResult<undefined>> {
    const known = this.#directory().agentsById.has(agentId);
    return answer(known ? { kind: 'ok', value: undefined } : { kind: 'notFound', reason: 'agent not found' });
  }

  /** No module has a counterpart here. agentk takes a 404 as "nothing for me" (`spec/gitlab.md §1.12`). */
  moduleRequest({ moduleName }: ModuleRequest): Promise<GitLabResult<ModuleAnswer>> {
    const message = `404 Not Found: this kas works without a GitLab, so nothing answers module ${quoted(moduleName)}`;
    const body = Buffer.from(JSON.stringify({ message }));
    return answer({
      kind: 'ok',
      value: {
        statusCode: 404,
        statusText: 'Not Found',
        headers: ['Content-Type', 'application/json', 'Content-Length', String(body.length)],
        body: once(body),
      },
    });
  }

  /** There is nobody to report to. */
  reportUsage(): Promise<GitLabResult<undefined>> {
    return answer({ kind: 'ok', value: undefined });
  }

  reportEvents(): Promise<GitLabResult<undefined>> {
    return answer({ kind: 'ok', value: undefined });
  }

  async #rulesOf(agent: DirectoryAgent): Promise<AccessRules | 'unknown'> {
    return (await this.#rules.of([agent])).get(agent.id) ?? 'unknown';
  }

  #directory(): Directory {
    const { directory } = this.#resource;
    if (directory === undefined) throw new Error('the embedded GitLab was not opened');
    return directory;
  }

  #changed(directory: Directory): void {
    this.#rules.retain(directory.agentsById);
    for (const listener of this.#listeners) listener();
  }
}

const unknownToken = { kind: 'unauthenticated', reason: 'unknown token' } as const;
const cancelled = { kind: 'unavailable', reason: 'cancelled' } as const;

function answer<T>(result: GitLabResult<T>): Promise<GitLabResult<T>> {
  return Promise.resolve(result);
}

/** A name an agent chose, fit to be shown. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, embeddedLimits.shownNameMax));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function jobIdentity({
  id,
  pipelineId,
  project,
  user,
  environment,
}: DirectoryJob): Omit<AllowedAgentsForJob, 'allowedAgents'> {
  return {
    jobId: id,
    pipelineId,
    projectId: project.id,
    groupIds: project.groups.map((group) => group.id),
    userId: user.id,
    username: user.username,
    ...(environment === undefined ? {} : { environment: { slug: environment.slug, tier: environment.tier } }),
  };
}

/** The answer, or undefined as soon as the caller gives up; the work itself goes on for others. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(undefined);
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
