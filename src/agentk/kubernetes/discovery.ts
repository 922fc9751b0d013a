/**
 * What kinds the API server serves, by exact group, version and kind, and which version it prefers. Asked per group
 * version and remembered in memory (the original keeps it on disk for as long).
 *
 * D1. What is there is remembered for hours, that nothing is there only for seconds: definitions come at any time.
 * D2. `reset` forgets everything, also answers that are still on their way: a new kind is seen by the next question.
 * D3. A question that failed is remembered by nobody (absence is not a failure, and a failure is no absence).
 */
import type { Clock } from '../../ports/index.ts';
import type { ClusterClient } from './cluster-client.ts';
import { isAbsent, type ClusterOutcome } from './cluster-outcome.ts';
import { fieldsOf, textAt } from './kube-object.ts';
import { clusterLimits } from './limits.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';

type Known = ClusterOutcome<readonly ResourceType[]>;

interface Remembered {
  readonly answer: Promise<Known>;
  untilMs: number;
}

export class Discovery {
  readonly #client: Pick<ClusterClient, 'request'>;
  readonly #clock: Clock;
  #versions = new Map<string, Remembered>();

  constructor(client: Pick<ClusterClient, 'request'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The type of exactly this group, version and kind; undefined when the server does not serve it. */
  async find(
    group: string,
    version: string,
    kind: string,
  ): Promise<ClusterOutcome<ResourceType | undefined>> {
    const types = await this.#typesOf(group, version);
    if (types.kind !== 'ok') return types;
    return { kind: 'ok', value: types.value.find((type) => type.kind === kind) };
  }

  /** The type of a group and kind in the version the server prefers, or in another one where it is missing there. */
  async findPreferred(group: string, kind: string): Promise<ClusterOutcome<ResourceType | undefined>> {
    const versions = group === '' ? (['v1'] as const) : await this.#versionsOf(group);
    if ('kind' in versions) return versions;
    for (const version of versions) {
      const found = await this.find(group, version, kind);
      if (found.kind !== 'ok' || found.value !== undefined) return found;
    }
    return { kind: 'ok', value: undefined };
  }

  /** Forgets everything (D2). */
  reset(): void {
    this.#versions = new Map();
  }

  #typesOf(group: string, version: string): Promise<Known> {
    const groupVersion = apiVersionOf({ group, version });
    const now = this.#clock.monotonic();
    const known = this.#versions.get(groupVersion);
    if (known !== undefined && now < known.untilMs) return known.answer;
    const versions = this.#versions;
    const asked: Remembered = { answer: this.#ask(group, version), untilMs: Infinity };
    if (versions.size >= clusterLimits.discoveredMax) versions.clear();
    versions.set(groupVersion, asked);
    void asked.answer.then((answer) => {
      const there = answer.kind === 'ok' && answer.value.length > 0;
      const keepMs = there ? clusterLimits.discoveryMs : clusterLimits.discoveryAbsentMs; // D1
      asked.untilMs = this.#clock.monotonic() + keepMs;
      if (answer.kind !== 'ok' && versions.get(groupVersion) === asked) versions.delete(groupVersion); // D3
    });
    return asked.answer;
  }

  async #ask(group: string, version: string): Promise<Known> {
    const path = group === '' ? `/api/${esc(version)}` : `/apis/${esc(group)}/${esc(version)}`;
    const answer = await this.#client.request({ method: 'GET', path });
    if (answer.kind !== 'ok') return isAbsent(answer) ? { kind: 'ok', value: [] } : answer;
    const { resources } = fieldsOf(answer.value);
    const types = (Array.isArray(resources) ? resources : []).flatMap((resource) => {
      const { name, kind, namespaced } = fieldsOf(resource);
      if (typeof name !== 'string' || typeof kind !== 'string' || name.includes('/')) return [];
      return [{ group, version, plural: name, kind, namespaced: namespaced === true }];
    });
    return { kind: 'ok', value: types };
  }

  /** The versions of a group, the preferred one first; none when there is no such group. */
  async #versionsOf(group: string): Promise<readonly string[] | Exclude<Known, { kind: 'ok' }>> {
    const answer = await this.#client.request({ method: 'GET', path: `/apis/${esc(group)}` });
    if (answer.kind !== 'ok') return isAbsent(answer) ? [] : answer;
    const { versions, preferredVersion } = fieldsOf(answer.value);
    const preferred = textAt(preferredVersion, 'version');
    const all = (Array.isArray(versions) ? versions : []).map((one) => textAt(one, 'version'));
    return [...new Set([preferred, ...all])].filter((version) => version !== '');
  }
}

const esc = encodeURIComponent;
