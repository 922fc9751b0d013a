/** Usage from its counting to GitLab, over the REST port and the fake Rails (`spec/gitlab.md §7`, `spec/kas.md §4.9`). */
import { describe, expect, it } from 'vitest';
import { createUsageReporterLogic, UsageTracker } from '../../src/actors/index.ts';
import { actorLimits } from '../../src/actors/limits.ts';
import type { GitLab, GitLabResult } from '../../src/ports/index.ts';
import { Registry, Supervisor } from '../../src/supervisor/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';
import { RecordingMetrics, restWorld } from '../gitlab/rest/rest-world.ts';
import { until } from '../kas/waiting.ts';

const random = { next: () => 0.5, int63: () => 0n };
const ok: GitLabResult<undefined> = { kind: 'ok', value: undefined };
const tracker = (isReported = true) => new UsageTracker({ metrics: new RecordingMetrics(), isReported });

async function reporting(gitlab: Pick<GitLab, 'reportUsage' | 'reportEvents'>, clock = new VirtualClock()) {
  const log = new RecordingLog();
  const usage = tracker();
  const logic = createUsageReporterLogic({ tracker: usage, gitlab, clock, random, log });
  const supervisor = new Supervisor(
    {
      id: 'kas',
      strategy: 'one_for_one',
      children: [{ id: 'usage-reporter', logic, input: { periodMs: 60_000 }, shutdown: 15_000 }],
    },
    { clock, random, registry: new Registry(), report: () => {} },
  );
  await supervisor.start();
  return { clock, log, usage, supervisor };
}

describe('the reporter', () => {
  it('tells GitLab every period what was used, and nothing when nothing was', async () => {
    const clock = new VirtualClock();
    await using world = await restWorld(clock, { rails: { age: 'newest' } });
    const { usage, supervisor } = await reporting(world.gitlab, clock);
    await clock.advanceAsync(60_000);
    usage.count('gitops_sync');
    usage.countUnique('flux_git_push_notified_unique_projects', 7n);
    await clock.advanceAsync(60_000);
    await until(() => usage.report() === undefined);
    usage.countProxyRequest('pat', 1n, 5n, 9n);
    await clock.advanceAsync(60_000);
    await until(() => usage.report() === undefined && usage.events() === undefined);
    await clock.advanceAsync(120_000);
    expect(world.rails.requests('usage_metrics').map(({ json }) => json)).toEqual([
      { counters: { gitops_sync: 1 }, unique_counters: { flux_git_push_notified_unique_projects: [7] } },
      {
        counters: { k8s_api_proxy_request: 1, k8s_api_proxy_requests_via_pat_access: 1 },
        unique_counters: {
          agent_users_using_ci_tunnel: [1],
          k8s_api_proxy_requests_unique_users_via_pat_access: [1],
          k8s_api_proxy_requests_unique_agents_via_pat_access: [5],
        },
      },
    ]);
    expect(world.rails.requests('agent_events').map(({ json }) => json)).toEqual([
      { events: { k8s_api_proxy_requests_unique_users_via_pat_access: [{ user_id: 1, project_id: 9 }] } },
    ]);
    await supervisor.stop();
    expect(world.rails.requests('usage_metrics')).toHaveLength(2);
  });

  it('keeps what GitLab did not take, says so once, and tells it with the next report', async () => {
    const clock = new VirtualClock();
    await using world = await restWorld(clock);
    const { usage, log, supervisor } = await reporting(world.gitlab, clock);
    for (let n = 1; n <= 3; n += 1) {
      world.rails.trouble('usage_metrics', { kind: 'status', status: 500 });
      usage.count('gitops_sync');
      usage.countUnique('agent_users_using_ci_tunnel', BigInt(n));
      await clock.advanceAsync(60_000);
      await until(() => log.lines.length === n);
    }
    usage.count('gitops_sync');
    await clock.advanceAsync(60_000);
    await until(() => usage.report() === undefined);
    expect(world.rails.requests('usage_metrics').map(({ json }) => json)).toEqual([
      { counters: { gitops_sync: 1 }, unique_counters: { agent_users_using_ci_tunnel: [1] } },
      { counters: { gitops_sync: 2 }, unique_counters: { agent_users_using_ci_tunnel: [1, 2] } },
      { counters: { gitops_sync: 3 }, unique_counters: { agent_users_using_ci_tunnel: [1, 2, 3] } },
      { counters: { gitops_sync: 4 }, unique_counters: { agent_users_using_ci_tunnel: [1, 2, 3] } },
    ]);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'debug', 'debug']);
    await supervisor.stop();
  });

  it('tells the rest when it is stopped', async () => {
    const clock = new VirtualClock();
    await using world = await restWorld(clock);
    const { usage, supervisor } = await reporting(world.gitlab, clock);
    usage.count('gitops_sync');
    await supervisor.stop();
    expect(world.rails.requests('usage_metrics').map(({ json }) => json)).toEqual([
      { counters: { gitops_sync: 1 } },
    ]);
  });

  it('waits for a report under way when it is stopped, then tells what came meanwhile', async () => {
    let answer: (result: GitLabResult<undefined>) => void = () => {};
    const told: unknown[] = [];
    const { usage, clock, supervisor } = await reporting({
      reportUsage: ({ counters }) => {
        told.push(counters);
        return told.length > 1 ? Promise.resolve(ok) : new Promise((resolve) => (answer = resolve));
      },
      reportEvents: () => Promise.resolve(ok),
    });
    usage.count('gitops_sync');
    await clock.advanceAsync(60_000);
    const stopped = supervisor.stop();
    usage.count('gitops_sync');
    await clock.settle();
    expect(told).toEqual([{ gitops_sync: 1 }]);
    answer(ok);
    await stopped;
    expect(told).toEqual([{ gitops_sync: 1 }, { gitops_sync: 1 }]);
  });

  it('does not hold up a stop longer than its time, whether a report is under way or not', async () => {
    const silent = {
      reportUsage: () => new Promise<never>(() => {}),
      reportEvents: () => Promise.resolve(ok),
    };
    for (const isUnderWay of [true, false]) {
      const { usage, clock, supervisor } = await reporting(silent);
      usage.count('gitops_sync');
      if (isUnderWay) await clock.advanceAsync(60_000);
      let isStopped = false;
      const stopped = supervisor.stop().then(() => (isStopped = true));
      await clock.advanceAsync(4_999);
      expect(isStopped).toBe(false);
      await clock.advanceAsync(1);
      await stopped;
    }
  });

  it('gives a report 30 seconds', async () => {
    const { usage, clock, log, supervisor } = await reporting({
      reportUsage: (_report, signal) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve({ kind: 'unavailable', reason: 'cancelled' })),
        ),
      reportEvents: () => Promise.resolve(ok),
    });
    usage.count('gitops_sync');
    await clock.advanceAsync(89_999);
    expect(log.lines).toEqual([]);
    await clock.advanceAsync(1);
    expect(log.lines).toHaveLength(1);
    const stopped = supervisor.stop();
    await clock.advanceAsync(5_000);
    await stopped;
  });
});

describe('the tracker', () => {
  it('takes away what was told and nothing that came meanwhile', () => {
    const usage = tracker();
    usage.count('gitops_sync');
    usage.countUnique('agent_users_using_ci_tunnel', 1n);
    const report = usage.report();
    usage.count('gitops_sync');
    usage.count('k8s_api_proxy_request');
    usage.countUnique('agent_users_using_ci_tunnel', 2n);
    if (report !== undefined) usage.told(report);
    expect(usage.report()).toEqual({
      counters: { gitops_sync: 1, k8s_api_proxy_request: 1 },
      uniqueCounters: { agent_users_using_ci_tunnel: [2n] },
    });
  });

  it('has an event per user and project, until it was told', () => {
    const usage = tracker();
    for (const [user, project] of [
      [1n, 9n],
      [1n, 9n],
      [1n, 8n],
      [2n, 9n],
    ] as const)
      usage.countProxyRequest('ci', user, 5n, project);
    const events = usage.events();
    expect(events).toEqual({
      k8s_api_proxy_requests_unique_users_via_ci_access: [
        { user_id: 1n, project_id: 9n },
        { user_id: 1n, project_id: 8n },
        { user_id: 2n, project_id: 9n },
      ],
    });
    usage.countProxyRequest('user', 3n, 5n, 9n);
    if (events !== undefined) usage.toldEvents(events);
    expect(usage.events()).toEqual({
      k8s_api_proxy_requests_unique_users_via_user_access: [{ user_id: 3n, project_id: 9n }],
    });
  });

  it('drops ids and events beyond its bounds and counts them', () => {
    const metrics = new RecordingMetrics();
    const usage = new UsageTracker({ metrics, isReported: true });
    const { usageIdsMax, usageEventsMax } = actorLimits;
    for (let id = 0; id < usageIdsMax + 3; id += 1)
      usage.countUnique('flux_git_push_notified_unique_projects', BigInt(id));
    for (let id = 0; id < usageEventsMax + 2; id += 1) usage.countProxyRequest('ci', 1n, 1n, BigInt(id));
    expect(usage.report()?.uniqueCounters['flux_git_push_notified_unique_projects']).toHaveLength(
      usageIdsMax,
    );
    expect(usage.report()?.counters['k8s_api_proxy_request']).toBe(usageEventsMax + 2);
    expect(metrics.values.get('usage_dropped_total{event}')).toBe(2);
    expect(metrics.values.get('usage_dropped_total{id}')).toBe(3 + 3 * (usageEventsMax + 2));
    const report = usage.report();
    if (report !== undefined) usage.told(report);
    usage.countUnique('agent_users_using_ci_tunnel', 1n);
    expect(usage.report()?.uniqueCounters).toEqual({ agent_users_using_ci_tunnel: [1n] });
  });

  it('keeps nothing when nobody will ask', () => {
    const usage = tracker(false);
    usage.count('gitops_sync');
    usage.countProxyRequest('ci', 1n, 2n, 3n);
    expect([usage.report(), usage.events()]).toEqual([undefined, undefined]);
  });
});
