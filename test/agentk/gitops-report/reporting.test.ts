/** agentk tells of its manifest projects: to a real kas, to one that does not listen, to the cluster, and in metrics. */
import { afterEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/agentk/kubernetes/index.ts';
import { KasUnderTest, tokens } from '../../kas/kas-under-test.ts';
import { until } from '../../kas/waiting.ts';
import { FakeKas } from '../fake-kas.ts';
import { ReportingUnderTest } from './reporting-under-test.ts';

const shop = { id: 'demo/shop' };
const inventory = { namespace: 'shop', name: 'inventory-1-2' };
const web = { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' };
const counts = { applied: 1, pruned: 0, skipped: 0, failed: 0, unreconciled: 0 };
const synced = { kind: 'synced', counts } as const;
const failed = {
  kind: 'failed',
  reason: '1 resources failed',
  counts: { ...counts, failed: 1 },
  firstFailure: { id: web, error: 'denied' },
} as const;
const held = { kind: 'held', reason: '4 deletions are held, because ...', counts } as const;

const under: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of under.splice(0).reverse()) await one.stop();
});

async function reporting(projects: readonly { id: string }[] = [shop]): Promise<ReportingUnderTest> {
  const made = new ReportingUnderTest(tokens.agent);
  under.push(made);
  await made.start();
  made.reporter.follow(projects);
  return made;
}

async function realKas() {
  const kas = await KasUnderTest.start();
  under.push({ stop: () => kas[Symbol.asyncDispose]() });
  const projects = async () => {
    const { gitops } = JSON.parse((await kas.observe('/state')).text) as {
      gitops: { projects: readonly Record<string, unknown>[] };
    };
    return gitops.projects;
  };
  return { kas, projects };
}

describe('a kas that takes reports', () => {
  it('knows what a run does, what failed and why, and what came of it', async () => {
    const { kas, projects } = await realKas();
    const agent = await reporting();
    const { reporter } = agent;
    await agent.link(kas.ports.agents);
    reporter.note(shop, 'c1', { type: 'phase', phase: 'planning' });
    await agent.clock.advanceAsync(1.000_012_3); // as fine as a real clock
    reporter.note(shop, 'c1', { type: 'phase', phase: 'applying' });
    reporter.note(shop, 'c1', { type: 'apply', id: web, status: 'Successful', error: undefined });
    await until(async () => {
      await agent.clock.advanceAsync(500);
      return (await projects())[0]?.['phase'] === 'applying';
    });
    expect(await projects()).toMatchObject([
      { agentId: '1', project: 'demo/shop', commit: 'c1', phase: 'applying', run: 1, counts: { applied: 1 } },
    ]);
    agent.events.known.set('web', [
      event('web', 'old news', '2024-01-01T00:00:00Z'),
      event('web', 'exceeded quota', '2024-01-01T00:00:09Z'),
    ]);
    reporter.note(shop, 'c1', { type: 'phase', phase: 'waiting' });
    reporter.note(shop, 'c1', { type: 'status', id: web, status: 'InProgress', message: '0 of 1 ready' });
    reporter.note(shop, 'c1', { type: 'wait', id: web, status: 'Timeout', error: undefined });
    reporter.ended(shop, 'c1', failed, inventory);
    await until(async () => {
      await agent.clock.advanceAsync(500);
      const [project] = (await projects()) as { failures?: { lastEvent: string }[] }[];
      return project?.failures?.[0]?.lastEvent !== undefined && project.failures[0].lastEvent !== '';
    });
    expect(await projects()).toMatchObject([
      {
        phase: 'failed',
        reason: '1 resources failed',
        failures: [
          {
            object: 'apps/Deployment shop/web',
            action: 'wait',
            error: 'InProgress: 0 of 1 ready',
            lastEvent: 'FailedCreate: exceeded quota',
          },
        ],
        objects: [{ object: 'apps/Deployment shop/web', result: 'Timeout', health: 'InProgress' }],
      },
    ]);
    expect(agent.events.selectors).toEqual(['involvedObject.kind=Deployment,involvedObject.name=web']);
    reporter.follow([]);
    reporter.ended(shop, 'c1', { kind: 'cancelled' }); // the last word of a run that is stopped
    await until(async () => {
      await agent.clock.advanceAsync(500);
      return (await projects()).length === 0;
    });
  });

  it('is told a run of thousands of objects in few bounded reports', async () => {
    const { kas, projects } = await realKas();
    const agent = await reporting();
    await agent.link(kas.ports.agents);
    for (let index = 0; index < 5_000; index++) {
      const id = { ...web, name: `web-${index}` };
      agent.reporter.note(shop, 'c1', { type: 'apply', id, status: 'Successful', error: undefined });
      if (index === 2_500) await agent.clock.advanceAsync(500);
    }
    await until(async () => {
      await agent.clock.advanceAsync(500);
      const [project] = (await projects()) as { counts?: { applied: number } }[];
      return project?.counts?.applied === 5_000;
    });
    expect(await agent.reports).toBeLessThanOrEqual(4);
    expect(await projects()).toMatchObject([{ objectsHidden: 3_000 }]);
  });

  it('is told everything again on a new connection', async () => {
    const first = await realKas();
    const second = await realKas();
    const agent = await reporting();
    agent.reporter.follow([shop, { id: 'demo/other' }]);
    agent.reporter.ended(shop, 'c1', synced);
    await agent.link(first.kas.ports.agents);
    await until(async () => (await first.projects()).length === 2);
    agent.unlink();
    await agent.link(second.kas.ports.agents);
    await until(async () => (await second.projects()).length === 2);
    expect(await second.projects()).toMatchObject([
      { project: 'demo/shop', phase: 'synced', syncedCommit: 'c1' },
      { project: 'demo/other', phase: 'idle' },
    ]);
    await until(async () => (await first.projects()).every(({ isLastKnown }) => isLastKnown));
  });

  it('hears of a commit that cannot be read until one can', async () => {
    const { kas, projects } = await realKas();
    const agent = await reporting();
    await agent.link(kas.ports.agents);
    agent.reporter.ended(shop, 'c1', synced);
    agent.reporter.rejected(shop, 'c2', 'a.yaml: no kind');
    agent.reporter.ended(shop, 'c1', synced);
    const rejected = async () => {
      await agent.clock.advanceAsync(500);
      return (await projects())[0]?.['rejectedReason'];
    };
    await until(async () => (await rejected()) === 'a.yaml: no kind');
    agent.reporter.ended(shop, 'c3', synced);
    await until(async () => (await rejected()) === '');
  });
});

describe('a kas that does not know reports', () => {
  it('is asked once per connection, and nothing is said about it', async () => {
    const kas = await FakeKas.start();
    under.push({ stop: async () => kas.stop() });
    const agent = await reporting();
    await agent.link(kas.port);
    await until(async () => (await agent.ended('Unimplemented')) === 1);
    for (let index = 0; index < 5; index++) {
      agent.reporter.ended(shop, 'c1', synced);
      await agent.clock.advanceAsync(600_000);
    }
    expect(await agent.reports).toBe(1);
    await agent.link(kas.port);
    await until(async () => (await agent.ended('Unimplemented')) === 2);
    expect(agent.log.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  it('is not asked at all when there is nothing to tell', async () => {
    const kas = await FakeKas.start();
    under.push({ stop: async () => kas.stop() });
    const agent = await reporting([]);
    await agent.link(kas.port);
    await agent.clock.advanceAsync(600_000);
    expect(await agent.reports).toBe(0);
  });
});

describe('the Events of a cluster', () => {
  it('tell of each change of the outcome, on the inventory', async () => {
    const agent = await reporting();
    for (const result of [synced, synced, failed, held]) {
      agent.reporter.ended(shop, 'c1', result, inventory);
      await agent.clock.advanceAsync(1_000);
    }
    expect(agent.events.written).toMatchObject([
      {
        metadata: { namespace: 'shop' },
        involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', ...inventory },
        reason: 'Synchronized',
        type: 'Normal',
        message: 'demo/shop at c1: 1 applied, 0 pruned, 0 failed',
        count: 1,
      },
      {
        reason: 'SynchronizationFailed',
        type: 'Warning',
        message: 'demo/shop at c1: 1 resources failed (1 applied, 0 pruned, 1 failed)',
      },
      { reason: 'DeletionsHeld', type: 'Warning' },
    ]);
    expect(new Set(agent.events.written.map(({ metadata }) => metadata.name)).size).toBe(3);
  });

  it('count a failure that is the same again, once a minute, and are written anew when they expired', async () => {
    const agent = await reporting();
    for (let index = 0; index < 13; index++) {
      agent.reporter.ended(shop, 'c1', failed, inventory);
      await agent.clock.advanceAsync(10_000);
    }
    const [first] = agent.events.written;
    expect(agent.events.written).toHaveLength(1);
    expect(agent.events.patches).toEqual([
      { name: first?.metadata.name, body: { count: 7, lastTimestamp: '2024-01-01T00:01:00Z' } },
      { name: first?.metadata.name, body: { count: 13, lastTimestamp: '2024-01-01T00:02:00Z' } },
    ]);
    agent.events.patchRefusal = { ...refusal, code: 404 };
    await agent.clock.advanceAsync(3_600_000);
    agent.reporter.ended(shop, 'c1', failed, inventory);
    await agent.clock.advanceAsync(1_000);
    expect(agent.events.written.at(-1)).toMatchObject({ count: 14 });
  });

  it('come a second apart, the newest outcome of each project', async () => {
    const many = Array.from({ length: 50 }, (_, index) => ({ id: `demo/${index}` }));
    const agent = await reporting(many);
    for (const commit of ['c1', 'c2']) {
      for (const project of many) agent.reporter.ended(project, commit, synced, inventory);
    }
    await agent.clock.advanceAsync(10_000);
    expect(agent.events.written.length).toBeLessThanOrEqual(12);
    await agent.clock.advanceAsync(60_000);
    const messages = agent.events.written.map((one) => String(one['message']));
    expect(messages.filter((one) => one.includes('at c2'))).toHaveLength(50);
    expect(messages.length).toBeLessThanOrEqual(51);
  });

  it('that may not be written or read are a line at level debug', async () => {
    const agent = await reporting();
    agent.events.refusal = refusal;
    agent.reporter.ended(shop, 'c1', failed, inventory);
    await agent.clock.advanceAsync(1_000);
    expect(agent.log.lines).toMatchObject([
      { level: 'debug', message: 'Failed to look for the Events of an object' },
      { level: 'debug', message: 'Failed to write an Event', fields: { reason: 'HTTP 403: no' } },
    ]);
  });
});

it('counts objects and runs, and when a project was synchronised last', async () => {
  const agent = await reporting();
  agent.reporter.note(shop, 'c1', { type: 'phase', phase: 'planning' });
  await agent.clock.advanceAsync(2_500);
  agent.reporter.ended(shop, 'c1', failed);
  agent.reporter.ended(shop, 'c1', synced);
  agent.reporter.ended(shop, 'c1', { kind: 'cancelled' });
  expect(await agent.metric('agentk_gitops_objects_total{result="applied"}')).toBe(2);
  expect(await agent.metric('agentk_gitops_objects_total{result="failed"}')).toBe(1);
  expect(await agent.metric('agentk_gitops_sync_duration_seconds_sum{outcome="failed"}')).toBe(2.5);
  expect(await agent.metric('agentk_gitops_sync_duration_seconds_count{outcome="cancelled"}')).toBe(1);
  expect(await agent.metric('agentk_gitops_last_success_timestamp_seconds{project="demo/shop"}')).toBe(
    agent.clock.now() / 1_000,
  );
});

const refusal = {
  kind: 'refused',
  code: 403,
  reason: 'Forbidden',
  message: 'no',
  causes: [],
  retryAfterMs: undefined,
} as const;

function event(name: string, message: string, lastTimestamp: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: message },
    involvedObject: { name },
    reason: 'FailedCreate',
    message,
    lastTimestamp,
  };
}
