/**
 * The access rules of agents, read from their configuration files at the tip of the default branch when they are asked
 * for, and kept by commit id.
 *
 * 1. A missing file is the empty configuration. Anything else that goes wrong (Git, a bad file) leaves the last rules in
 *    force; before any were read they are unknown, which is not the same as none.
 * 2. One question about a repository or an agent runs at a time; who comes meanwhile gets the same answer.
 * 3. Bounded by the agents of the directory: `retain` forgets the others.
 */
import type { Git, GitFailure, Log } from '../../ports/index.ts';
import { type AccessRules, noRules, readAccessRules } from './access-rules.ts';
import type { DirectoryAgent, DirectoryProject } from './directory.ts';
import { embeddedLimits } from './limits.ts';

/** What the embedded GitLab needs of `parseAgentConfiguration` of `src/protocol`. */
export type ParseConfiguration = (
  bytes: Uint8Array,
) => { readonly kind: 'ok'; readonly json: object } | { readonly kind: 'invalid'; readonly reason: string };

interface Known {
  /** The commit the rules were last looked for at; empty when they are to be looked for again at any. */
  readonly commitId: string;
  readonly rules: AccessRules | undefined;
  readonly complaint: string;
}

type Tip = { readonly kind: 'commit'; readonly commitId: string } | { readonly kind: 'empty' } | GitFailure;

export class ConfigurationRules {
  readonly #git: Git;
  readonly #parse: ParseConfiguration;
  readonly #log: Log;
  readonly #closing = new AbortController();
  /** By {@link sourceOf}: an agent that was renamed or moved starts with unknown rules. */
  readonly #known = new Map<string, Known>();
  readonly #tips = new Map<DirectoryProject, Promise<Tip>>();
  readonly #reads = new Map<string, Promise<AccessRules | undefined>>();

  constructor(git: Git, parse: ParseConfiguration, log: Log) {
    this.#git = git;
    this.#parse = parse;
    this.#log = log;
  }

  /** The rules of each agent; undefined for an agent whose rules are not known. */
  async of(agents: readonly DirectoryAgent[]): Promise<Map<bigint, AccessRules | undefined>> {
    const byProject = Map.groupBy(agents, ({ project }) => project);
    const found = new Map<bigint, AccessRules | undefined>();
    const waiting = [...byProject];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [project, ofProject] = next;
        const tip = await this.#tip(project);
        for (const agent of ofProject) found.set(agent.id, await this.#at(agent, tip));
      }
    };
    await Promise.all(Array.from({ length: embeddedLimits.repositoriesAtOnce }, work));
    return found;
  }

  /** Forgets the agents that are not in the directory any more, or are in another project now. */
  retain(agents: ReadonlyMap<bigint, DirectoryAgent>): void {
    const sources = new Set([...agents.values()].map(sourceOf));
    for (const source of this.#known.keys()) if (!sources.has(source)) this.#known.delete(source);
  }

  close(): void {
    this.#closing.abort();
  }

  #tip(project: DirectoryProject): Promise<Tip> {
    const ref = `refs/heads/${project.defaultBranch}`;
    return share(this.#tips, project, () =>
      this.#git.resolveRef(project.repository, ref, this.#closing.signal),
    );
  }

  async #at(agent: DirectoryAgent, tip: Tip): Promise<AccessRules | undefined> {
    if (tip.kind === 'empty') return this.#learn(agent, '', noRules);
    if (tip.kind !== 'commit') return this.#complain(agent, '', tip.reason);
    const { commitId } = tip;
    const known = this.#known.get(sourceOf(agent));
    if (known?.commitId === commitId) return known.rules;
    return share(this.#reads, `${sourceOf(agent)}\n${commitId}`, () => this.#read(agent, commitId));
  }

  async #read(agent: DirectoryAgent, commitId: string): Promise<AccessRules | undefined> {
    const answer = await this.#git.readFile(
      agent.project.repository,
      commitId,
      `.gitlab/agents/${agent.name}/config.yaml`,
      embeddedLimits.configurationBytesMax,
      this.#closing.signal,
    );
    if (answer.kind === 'notFound') return this.#learn(agent, commitId, noRules);
    if (answer.kind === 'unavailable') return this.#complain(agent, '', answer.reason);
    if (answer.kind !== 'file') return this.#complain(agent, commitId, answer.reason);
    const parsed = this.#parse(answer.bytes);
    if (parsed.kind === 'invalid') return this.#complain(agent, commitId, parsed.reason);
    const rules = readAccessRules(parsed.json);
    if (rules === undefined) return this.#complain(agent, commitId, 'unexpected form of the access sections');
    return this.#learn(agent, commitId, rules);
  }

  #learn(agent: DirectoryAgent, commitId: string, rules: AccessRules): AccessRules {
    this.#known.set(sourceOf(agent), { commitId, rules, complaint: '' });
    return rules;
  }

  /** Keeps the last rules (1) and says why, once per reason. */
  #complain(agent: DirectoryAgent, commitId: string, complaint: string): AccessRules | undefined {
    const known = this.#known.get(sourceOf(agent));
    if (known?.complaint !== complaint) {
      this.#log.warn('Access rules of an agent could not be read; its last known rules stay in force', {
        agent_id: agent.id,
        agent_name: agent.name,
        project_path: agent.project.path,
        commit_id: commitId,
        reason: complaint,
        rules_known: known?.rules !== undefined,
      });
    }
    this.#known.set(sourceOf(agent), { commitId, rules: known?.rules, complaint });
    return known?.rules;
  }
}

/** What an agent's rules are read from, but for the commit. */
function sourceOf({ id, name, project: { repository, defaultBranch } }: DirectoryAgent): string {
  const { location, projectPath } = repository;
  const place =
    location.kind === 'local' ? location.gitDir : location.kind === 'http' ? location.url : projectPath;
  return [id, name, defaultBranch, place].join('\n');
}

/** One run per key at a time; the entry goes when the run ends. */
function share<K, T>(running: Map<K, Promise<T>>, key: K, run: () => Promise<T>): Promise<T> {
  const present = running.get(key);
  if (present !== undefined) return present;
  const started = run().finally(() => running.delete(key));
  running.set(key, started);
  return started;
}
