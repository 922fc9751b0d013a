/**
 * The manifest project of one agent in a simulated world: its repository, the namespace it fills in the agent's cluster, the objects of
 * strangers there, and what agentk was given of it. What must hold of GitOps is judged from here.
 *
 * G1. A stranger's object is one that a stranger wrote last when it came to be; whoever else changes it has touched it.
 * G2. What agentk was given is the newest whole commit its workers have read in its present life; files that are no commit are none.
 */
import type { ManifestFile } from '../../manifests/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { SocketlessKubernetes, type KubeObject } from '../kubernetes/index.ts';
import { manifestNamespace, ManifestRepository, objectName, type Commit } from './manifest-repository.ts';

/** Who watches over the namespace. */
export interface ProjectJudge {
  /** agentk asks for the end of an object. */
  pruning(project: ManifestProject, name: string): void;
  /** agentk has changed or ended an object of a stranger. */
  touched(project: ManifestProject, name: string): void;
}

const strangersMax = 6;
const deletion = /^\/api\/v1\/namespaces\/default\/configmaps\/([^/?]+)/;

export class ManifestProject {
  readonly agent: number;
  readonly repository: ManifestRepository;
  readonly kubernetes: SocketlessKubernetes;
  readonly #judge: ProjectJudge;
  /** Uids of their objects (G1). */
  readonly #strangers = new Set<string>();
  #strangerActs = false;
  #given: Commit | undefined;

  constructor(agent: number, kernel: Kernel, judge: ProjectJudge) {
    this.agent = agent;
    this.#judge = judge;
    const random = kernel.random.fork(`manifests${agent}`);
    this.repository = new ManifestRepository(agent, random);
    this.kubernetes = new SocketlessKubernetes(kernel.clock);
    this.kubernetes.onChange(({ object, previous }) => {
      const uid = previous?.metadata.uid ?? object.metadata.uid;
      if (!this.#strangerActs && this.#strangers.has(uid)) this.#judge.touched(this, object.metadata.name);
    });
    this.#strangerWrites('stranger', 'theirs');
    // It may have a name that the repository will want.
    this.#strangerWrites(objectName(random.below(strangersMax)), 'theirs');
  }

  /** What agentk was given (G2). */
  get given(): Commit | undefined {
    return this.#given;
  }

  /** A new life of agentk knows of nothing. */
  begin(): void {
    this.#given = undefined;
  }

  read(files: readonly ManifestFile[]): void {
    this.#given = this.repository.holding(files) ?? this.#given;
  }

  /** agentk sends a request. */
  asked(method: string, path: string): void {
    const name = method === 'DELETE' ? deletion.exec(path)?.[1] : undefined;
    if (name !== undefined) this.#judge.pruning(this, name);
  }

  /** The ConfigMaps of the namespace, but those of strangers. */
  get owned(): readonly KubeObject[] {
    return this.#all.filter(({ metadata }) => !this.#strangers.has(metadata.uid));
  }

  isStrangers(name: string): boolean {
    return this.#all.some(({ metadata }) => metadata.name === name && this.#strangers.has(metadata.uid));
  }

  /** Somebody changes, deletes, or replaces by an object of their own what a manifest once made. */
  meddle(how: 'edit' | 'delete' | 'replace', at: number): void {
    const made = this.owned.filter(({ metadata }) => metadata.name.startsWith(objectName(0).slice(0, -1)));
    const found = made[at % Math.max(1, made.length)];
    if (found === undefined) return;
    const { name } = found.metadata;
    if (how === 'edit') {
      this.kubernetes.put('configmaps', { ...found, data: { key: 'meddled' } }, 'kubectl-edit');
      return;
    }
    this.kubernetes.remove('configmaps', manifestNamespace, name);
    if (how === 'replace') this.#strangerWrites(name, 'replaced');
  }

  get #all(): readonly KubeObject[] {
    return this.kubernetes.list('configmaps', manifestNamespace);
  }

  #strangerWrites(name: string, value: string): void {
    this.#strangerActs = true;
    const metadata = { namespace: manifestNamespace, name };
    const written = this.kubernetes.put('configmaps', { metadata, data: { key: value } }, 'kubectl');
    this.#strangers.add(written.metadata.uid);
    this.#strangerActs = false;
  }
}
