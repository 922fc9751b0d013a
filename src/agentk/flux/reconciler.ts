/**
 * Makes the Secret and the Receiver of each Git repository that is a project of our GitLab.
 *
 * R1. Written is only what is new or differs: a repository whose status moves causes no write. From time to time everything is
 *     written again, for what somebody else removed.
 * R2. Repositories of other hosts are left alone, and so is what was made for them before: their owner takes it along.
 */
import type { Log } from '../../ports/index.ts';
import { failureText, isAbsent, secretType, textAt } from '../kubernetes/index.ts';
import type { ClusterClient, ClusterFailure, KubeObject } from '../kubernetes/index.ts';
import type { ObjectReader } from '../kubernetes/informer/index.ts';
import { contains, fluxObjects, isMadeBy, receiverType, type FluxObjects } from './flux-objects.ts';
import { projectPath } from './project-path.ts';

export interface ReconcilerDeps {
  readonly client: Pick<ClusterClient, 'patch' | 'get' | 'delete'>;
  readonly repositories: Pick<ObjectReader, 'get'>;
  readonly receivers: Pick<ObjectReader, 'get'>;
  readonly agentId: bigint;
  readonly gitlabExternalUrl: string;
  readonly log: Log;
}

const applying = { type: 'apply', fieldManager: 'agentk', force: true } as const;

export class Reconciler {
  readonly #deps: ReconcilerDeps;
  /** What was written for a repository, by its key (R1). */
  readonly #written = new Map<string, string>();

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
  }

  /** The next reconciliation writes whatever there is. */
  forget(key: string): void {
    this.#written.delete(key);
  }

  /** Brings the objects of one repository in order; false asks for another try. */
  async reconcile(key: string, signal: AbortSignal): Promise<boolean> {
    const { repositories, receivers, agentId, gitlabExternalUrl, log } = this.#deps;
    const repository = repositories.get(key);
    const project =
      repository === undefined
        ? undefined
        : projectPath(textAt(repository, 'spec', 'url'), gitlabExternalUrl);
    if (repository === undefined || project === undefined) {
      this.#written.delete(key);
      return true; // R2
    }
    const objects = fluxObjects(repository, project, agentId);
    const { name, namespace } = objects.receiver.metadata;
    const text = JSON.stringify(objects);
    const inOrder = contains(receivers.get(`${namespace}/${name}`), objects.receiver);
    if (inOrder && this.#written.get(key) === text) return true; // R1
    const failure = await this.#write(objects, repository, signal);
    if (failure === undefined) {
      this.#written.set(key, text);
      log.debug('Receiver for a Git repository is in order', { namespaced_name: key, project_id: project });
      return true;
    }
    if (signal.aborted) return false;
    const reason = failureText(failure);
    log.error('Failed to reconcile a Git repository of Flux, trying again', { namespaced_name: key, reason });
    return false;
  }

  async #write(
    { secret, receiver, legacySecretName }: FluxObjects,
    { metadata: { namespace } }: KubeObject,
    signal: AbortSignal,
  ): Promise<ClusterFailure | undefined> {
    const { client } = this.#deps;
    for (const [type, object] of [
      [secretType, secret],
      [receiverType, receiver],
    ] as const) {
      const name = { namespace, name: object.metadata.name };
      const applied = await client.patch(type, name, object, { ...applying, signal });
      if (applied.kind !== 'ok' && !isConflict(applied)) return applied;
    }
    return this.#dropLegacy({ namespace, name: legacySecretName }, signal);
  }

  async #dropLegacy(
    name: { readonly namespace: string | undefined; readonly name: string },
    signal: AbortSignal,
  ): Promise<ClusterFailure | undefined> {
    const { client, agentId } = this.#deps;
    const found = await client.get(secretType, name, { signal });
    if (found.kind !== 'ok') return isAbsent(found) ? undefined : found;
    if (!isMadeBy(found.value, agentId)) return undefined;
    const { uid } = found.value.metadata;
    const gone = await client.delete(secretType, name, { signal, ...(uid !== undefined && { uid }) });
    return gone.kind === 'ok' || isAbsent(gone) || isConflict(gone) ? undefined : gone;
  }
}

/** Somebody else wrote at the same moment; what they wrote comes back by the watch. */
function isConflict(failure: ClusterFailure): boolean {
  return failure.kind === 'refused' && failure.code === 409;
}
