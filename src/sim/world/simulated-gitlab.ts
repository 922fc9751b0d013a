/**
 * GitLab and its repositories in a simulated world. Trouble is a number of reasons for it, so that faults may overlap; the
 * worst of them counts: silence before errors before slowness.
 */
import { createHash } from 'node:crypto';
import { configurationFile, manifestSection } from './agent-configuration.ts';
import type { ManifestRepository } from './manifest-repository.ts';
import type {
  AgentInfo,
  AllowedAgentsForJob,
  FileContents,
  Git,
  GitLab,
  GitLabResult,
  GitRepository,
  FilesRead,
  ProjectInfo,
  ResolvedRef,
  TreeListing,
} from '../../ports/index.ts';
import type { OpenGit } from '../../git/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export const gitlabTroubles = ['hangs', 'fails', 'slow'] as const;
export type GitLabTrouble = (typeof gitlabTroubles)[number];

const wayMs = { min: 1, max: 40 } as const;
const slowMeanMs = 4_000;
/** What the adapters of the product do with a GitLab that says nothing: ask again, so many times. */
const silenceMs = 20_000;
const triesMax = 5;
/** What differs comes first: kas keeps no more than the first half of a token. */
const agentOfToken = /^(\d+)-agent-token$/;

export const agentToken = (agent: number): string => `${agent}-agent-token`;
/** Agents count from 0, their ids from 1. */
export const agentIdOf = (agent: number): bigint => BigInt(agent + 1);
export const jobToken = 'job-token';
export const manifestPath = (agent: number): string => `group/manifests-${agent}`;
export const manifestProjectId = (agent: number): bigint => 2000n + BigInt(agent);

interface Repository {
  commit: number;
  file: string;
}

export class SimulatedGitLab {
  readonly #agents: number;
  readonly #manifests: readonly ManifestRepository[];
  readonly #troubles = new Map<GitLabTrouble, number>();
  readonly #gitTroubles = new Map<GitLabTrouble, number>();
  readonly #revoked = new Map<number, number>();
  readonly #refused = new Set<number>();
  readonly #repositories = new Map<number, Repository>();

  /** @param manifests repositories of manifest projects, by agent; none unless given */
  constructor(agents: number, manifests: readonly ManifestRepository[] = []) {
    this.#agents = agents;
    this.#manifests = manifests;
  }

  /** Begins a trouble; answers how to end it. */
  trouble(kind: GitLabTrouble, of: 'api' | 'git'): () => void {
    const troubles = of === 'api' ? this.#troubles : this.#gitTroubles;
    troubles.set(kind, (troubles.get(kind) ?? 0) + 1);
    return () => void troubles.set(kind, (troubles.get(kind) ?? 1) - 1);
  }

  /** The token of an agent is refused until the answered function is called. */
  revoke(agent: number): () => void {
    this.#refused.add(agent);
    this.#revoked.set(agent, (this.#revoked.get(agent) ?? 0) + 1);
    return () => void this.#revoked.set(agent, (this.#revoked.get(agent) ?? 1) - 1);
  }

  /** How many commits the repository of an agent has. */
  commits(agent: number): number {
    return this.#repository(agent).commit;
  }

  /** Its token was revoked at some time. */
  everRefused(agent: number): boolean {
    return this.#refused.has(agent);
  }

  /** A push to the agent's configuration project; answers the commit. */
  push(agent: number, file: string): string {
    const repository = this.#repository(agent);
    repository.commit += 1;
    repository.file = file;
    return commitId(agent, repository.commit);
  }

  /** What the repository of an agent says now. */
  head(agent: number): { readonly commitId: string; readonly file: string } {
    const { commit, file } = this.#repository(agent);
    const gitops = this.#manifests[agent] === undefined ? '' : manifestSection(manifestPath(agent));
    return { commitId: commitId(agent, commit), file: file + gitops };
  }

  /** GitLab as one process reaches it. */
  gitlabOf(process: SimulatedProcess): GitLab {
    const ask = <T>(signal: AbortSignal, answer: () => GitLabResult<T>) =>
      this.#ask(process, this.#troubles, signal, answer, unavailable);
    const done = (signal: AbortSignal) => ask<undefined>(signal, () => ({ kind: 'ok', value: undefined }));
    return {
      agentInfo: (token, signal) => ask(signal, () => this.#agentInfo(token)),
      projectInfo: (token, path, signal) => ask(signal, () => this.#projectInfo(token, path)),
      verifyProjectAccess: (_token, _path, signal) => ask(signal, () => notFound),
      allowedAgents: (token, signal) => ask(signal, () => this.#allowedAgents(token)),
      authorizeProxyUser: (_request, signal) => ask(signal, () => notFound),
      reportAgentConfiguration: (_agentId, _configuration, signal) => done(signal),
      moduleRequest: (_request, signal) => ask(signal, () => notFound),
      reportUsage: (_report, signal) => done(signal),
      reportEvents: (_events, signal) => done(signal),
    };
  }

  /** Git as one process reaches it. */
  gitOf(process: SimulatedProcess): OpenGit {
    const ask = <T>(signal: AbortSignal, answer: () => T, given: () => T) =>
      this.#ask(process, this.#gitTroubles, signal, answer, given);
    const git: Git = {
      resolveRef: ({ projectPath }, _ref, signal) =>
        ask<ResolvedRef>(
          signal,
          () => ({ kind: 'commit', commitId: this.#headOf(projectPath) }),
          () => unavailable(),
        ),
      readFile: ({ projectPath }, _commit, path, _bytes, signal) =>
        ask<FileContents>(
          signal,
          () =>
            path.endsWith('/config.yaml')
              ? { kind: 'file', bytes: Buffer.from(this.head(agentOfPath(projectPath)).file) }
              : { kind: 'notFound', reason: 'no such file' },
          () => unavailable(),
        ),
      readFiles: (repository, commit, paths, _bounds, signal) =>
        ask<FilesRead>(
          signal,
          () => this.#readFiles(repository, commit, paths),
          () => unavailable(),
        ),
      listTree: (repository, commit, _path, _options, signal) =>
        ask<TreeListing>(
          signal,
          () => this.#listTree(repository, commit),
          () => unavailable(),
        ),
    };
    return { ...git, watchRefs: () => () => {}, close: () => Promise.resolve() };
  }

  #ask<T>(
    process: SimulatedProcess,
    troubles: ReadonlyMap<GitLabTrouble, number>,
    signal: AbortSignal,
    answer: () => T,
    given: () => T,
  ): Promise<T> {
    const random = process.ways;
    const slow = (troubles.get('slow') ?? 0) > 0 ? random.around(slowMeanMs) : 0;
    const there = random.between(wayMs.min, wayMs.max) + slow;
    const way = { there, back: random.between(wayMs.min, wayMs.max) };
    return process.ask<T>(
      way,
      () => {
        if ((troubles.get('hangs') ?? 0) > 0) return 'silence';
        return (troubles.get('fails') ?? 0) > 0 ? given() : answer();
      },
      { signal, given },
      { afterMs: silenceMs, times: triesMax },
    );
  }

  #agentInfo(token: string): GitLabResult<AgentInfo> {
    const agent = Number(agentOfToken.exec(token)?.[1] ?? -1);
    if (agent < 0 || agent >= this.#agents) return { kind: 'unauthenticated', reason: 'unknown token' };
    if ((this.#revoked.get(agent) ?? 0) > 0) return { kind: 'unauthenticated', reason: 'revoked' };
    const value: AgentInfo = {
      agentId: agentIdOf(agent),
      agentName: `agent-${agent}`,
      projectId: 1000n + BigInt(agent),
      defaultBranch: 'main',
      repository: repositoryOf(agent),
    };
    return { kind: 'ok', value };
  }

  #projectInfo(token: string, path: string): GitLabResult<ProjectInfo> {
    const info = this.#agentInfo(token);
    if (info.kind !== 'ok') return info;
    const agent = Number(info.value.agentId) - 1;
    if (path !== manifestPath(agent)) return notFound;
    const value = {
      projectId: manifestProjectId(agent),
      defaultBranch: 'main',
      repository: repositoryAt(manifestPath(agent)),
    };
    return { kind: 'ok', value };
  }

  #headOf(projectPath: string): string {
    const agent = agentOfPath(projectPath);
    const manifests = projectPath === manifestPath(agent) ? this.#manifests[agent] : undefined;
    return manifests?.head.id ?? this.head(agent).commitId;
  }

  #readFiles({ projectPath }: GitRepository, commit: string, paths: readonly string[]): FilesRead {
    const held = this.#manifests[agentOfPath(projectPath)]?.commit(commit);
    const config = this.head(agentOfPath(projectPath)).file;
    const files = new Map<string, Buffer>();
    for (const path of paths) {
      const text = held === undefined ? config : held.files.get(path);
      if (text === undefined) return { kind: 'notFound', reason: 'no such file', path };
      files.set(path, Buffer.from(text));
    }
    return { kind: 'files', files };
  }

  #listTree({ projectPath }: GitRepository, commit: string): TreeListing {
    const held = this.#manifests[agentOfPath(projectPath)]?.commit(commit);
    const entries = [...(held?.files ?? [])].map(([path, text]) => ({
      path,
      type: 'blob' as const,
      oid: createHash('sha1').update(text).digest('hex'),
    }));
    return { kind: 'tree', entries };
  }

  #allowedAgents(token: string): GitLabResult<AllowedAgentsForJob> {
    if (token !== jobToken) return { kind: 'unauthenticated', reason: 'unknown token' };
    const allowedAgents = Array.from({ length: this.#agents }, (_, agent) => ({
      agentId: agentIdOf(agent),
      configProjectId: 1000n + BigInt(agent),
      defaultNamespace: '',
      accessAs: { kind: 'agent' as const },
    }));
    const job = { jobId: 1n, pipelineId: 2n, projectId: 3n, groupIds: [], userId: 4n, username: 'user' };
    return { kind: 'ok', value: { ...job, allowedAgents } };
  }

  #repository(agent: number): Repository {
    let repository = this.#repositories.get(agent);
    if (repository === undefined) {
      repository = { commit: 1, file: configurationFile('info') };
      this.#repositories.set(agent, repository);
    }
    return repository;
  }
}

const notFound = { kind: 'notFound', reason: 'not part of this world' } as const;

function unavailable() {
  return { kind: 'unavailable', reason: 'out of order' } as const;
}

function repositoryOf(agent: number): GitRepository {
  return repositoryAt(`group/agent-${agent}`);
}

function repositoryAt(projectPath: string): GitRepository {
  return { projectPath, location: { kind: 'local', gitDir: `/simulated/${projectPath}.git` } };
}

function agentOfPath(projectPath: string): number {
  return Number(projectPath.slice(projectPath.lastIndexOf('-') + 1));
}

function commitId(agent: number, commit: number): string {
  return `${agent.toString(16).padStart(8, '0')}${commit.toString(16).padStart(32, '0')}`;
}
