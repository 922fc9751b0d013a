/**
 * What was used since GitLab was last told (`spec/gitlab.md §7`, `spec/kas.md §4.9`): counters, sets of ids, and events for
 * newer GitLabs.
 *
 * 1. A report is a copy; what it told is taken away only after GitLab took it, and nothing else is.
 * 2. Bounded: ids and events beyond the bound are dropped and counted. Counters cannot grow.
 * 3. Counting is cheap: it stands on the path of every request to a cluster.
 */
import type { AgentEvents, Counter, Metrics, UsageReport } from '../ports/index.ts';
import { actorLimits } from './limits.ts';

export type UsageCounter =
  | 'gitops_sync'
  | 'k8s_api_proxy_request'
  | 'k8s_api_proxy_requests_via_ci_access'
  | 'k8s_api_proxy_requests_via_user_access'
  | 'k8s_api_proxy_requests_via_pat_access'
  | 'flux_git_push_notifications_total';

export type UniqueUsageCounter =
  | 'agent_users_using_ci_tunnel'
  | 'k8s_api_proxy_requests_unique_users_via_ci_access'
  | 'k8s_api_proxy_requests_unique_users_via_user_access'
  | 'k8s_api_proxy_requests_unique_users_via_pat_access'
  | 'k8s_api_proxy_requests_unique_agents_via_ci_access'
  | 'k8s_api_proxy_requests_unique_agents_via_user_access'
  | 'k8s_api_proxy_requests_unique_agents_via_pat_access'
  | 'flux_git_push_notified_unique_projects';

/** How somebody came to use a cluster: a job, a browser, a personal access token. */
export type ProxyAccess = 'ci' | 'user' | 'pat';

export interface UsageTrackerDeps {
  readonly metrics: Metrics;
  /** False when nobody will ask: then nothing is kept. */
  readonly isReported: boolean;
}

const proxyAccesses = {
  ci: {
    requests: 'k8s_api_proxy_requests_via_ci_access',
    users: 'k8s_api_proxy_requests_unique_users_via_ci_access',
    agents: 'k8s_api_proxy_requests_unique_agents_via_ci_access',
  },
  user: {
    requests: 'k8s_api_proxy_requests_via_user_access',
    users: 'k8s_api_proxy_requests_unique_users_via_user_access',
    agents: 'k8s_api_proxy_requests_unique_agents_via_user_access',
  },
  pat: {
    requests: 'k8s_api_proxy_requests_via_pat_access',
    users: 'k8s_api_proxy_requests_unique_users_via_pat_access',
    agents: 'k8s_api_proxy_requests_unique_agents_via_pat_access',
  },
} as const;

/** Projects by user: each pair is one event. */
type UserEvents = Map<bigint, Set<bigint>>;

export class UsageTracker {
  readonly #isReported: boolean;
  readonly #counters = new Map<UsageCounter, number>();
  readonly #unique = new Map<UniqueUsageCounter, Set<bigint>>();
  readonly #events = new Map<UniqueUsageCounter, UserEvents>();
  readonly #dropped: Counter;
  #ids = 0;
  #pairs = 0;

  constructor({ metrics, isReported }: UsageTrackerDeps) {
    this.#isReported = isReported;
    this.#dropped = metrics.counter({
      name: 'usage_dropped_total',
      help: 'Ids and events of usage that were dropped because GitLab could not be told for too long.',
      labelNames: ['kind'],
    });
    const held = (name: string, help: string, read: () => number) => metrics.observed({ name, help }, read);
    held('usage_ids', 'Ids of usage GitLab was not told yet.', () => this.#ids);
    held('usage_ids_max', 'How many such ids are kept.', () => actorLimits.usageIdsMax);
    held('usage_events', 'Events of usage GitLab was not told yet.', () => this.#pairs);
    held('usage_events_max', 'How many such events are kept.', () => actorLimits.usageEventsMax);
  }

  count(name: UsageCounter): void {
    if (this.#isReported) this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }

  countUnique(name: UniqueUsageCounter, id: bigint): void {
    if (!this.#isReported) return;
    let ids = this.#unique.get(name);
    if (ids === undefined) this.#unique.set(name, (ids = new Set()));
    if (ids.has(id)) return;
    if (this.#ids >= actorLimits.usageIdsMax) return this.#dropped.inc({ kind: 'id' }); // 2
    ids.add(id);
    this.#ids += 1;
  }

  /** A request to a cluster that was authorised. `projectId` is the agent's configuration project. */
  countProxyRequest(access: ProxyAccess, userId: bigint, agentId: bigint, projectId: bigint): void {
    if (!this.#isReported) return;
    const { requests, users, agents } = proxyAccesses[access];
    this.count('k8s_api_proxy_request');
    this.count(requests);
    this.countUnique('agent_users_using_ci_tunnel', userId);
    this.countUnique(users, userId);
    this.countUnique(agents, agentId);
    this.#noteUser(users, userId, projectId);
  }

  /** What is to be told (1); undefined when there is nothing. */
  report(): UsageReport | undefined {
    const unique = [...this.#unique].filter(([, ids]) => ids.size > 0);
    if (this.#counters.size === 0 && unique.length === 0) return undefined;
    return {
      counters: Object.fromEntries(this.#counters),
      uniqueCounters: Object.fromEntries(unique.map(([name, ids]) => [name, [...ids]])),
    };
  }

  /** GitLab took this report. */
  told({ counters, uniqueCounters }: UsageReport): void {
    for (const [name, count] of this.#counters) {
      const left = count - (counters[name] ?? 0);
      if (left > 0) this.#counters.set(name, left);
      else this.#counters.delete(name);
    }
    for (const [name, ids] of this.#unique)
      for (const id of uniqueCounters[name] ?? []) if (ids.delete(id)) this.#ids -= 1;
  }

  events(): AgentEvents | undefined {
    if (this.#pairs === 0) return undefined;
    const lists = [...this.#events].filter(([, byUser]) => byUser.size > 0);
    return Object.fromEntries(
      lists.map(([name, byUser]) => [
        name,
        [...byUser].flatMap(([user_id, projects]) =>
          [...projects].map((project_id) => ({ user_id, project_id })),
        ),
      ]),
    );
  }

  /** GitLab took these events, or knows no events at all. */
  toldEvents(events: AgentEvents): void {
    for (const [name, byUser] of this.#events)
      for (const { user_id: userId, project_id: projectId } of events[name] ?? []) {
        if (typeof userId !== 'bigint' || typeof projectId !== 'bigint') continue;
        const projects = byUser.get(userId);
        if (projects?.delete(projectId) === true) this.#pairs -= 1;
        if (projects?.size === 0) byUser.delete(userId);
      }
  }

  #noteUser(name: UniqueUsageCounter, userId: bigint, projectId: bigint): void {
    let byUser = this.#events.get(name);
    if (byUser === undefined) this.#events.set(name, (byUser = new Map()));
    let projects = byUser.get(userId);
    if (projects?.has(projectId) === true) return;
    if (this.#pairs >= actorLimits.usageEventsMax) return this.#dropped.inc({ kind: 'event' }); // 2
    if (projects === undefined) byUser.set(userId, (projects = new Set()));
    projects.add(projectId);
    this.#pairs += 1;
  }
}
