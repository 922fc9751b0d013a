/** What kas makes of agents' reports about manifest projects: what is kept, shown, counted, logged, and what is refused. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/host/index.ts';
import { SyncReports } from '../../src/kas/sync-reports/index.ts';
import { ReportRequestSchema, SyncAction, SyncObjectResult, SyncPhase } from '../../src/protocol/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';
import { FakeAgent } from './fake-agent.ts';
import { KasUnderTest, tokens } from './kas-under-test.ts';
import { until } from './waiting.ts';

type Report = MessageInitShape<typeof ReportRequestSchema>;
type Project = NonNullable<Report['changed']>[number];

interface Shown {
  readonly projects: readonly (Record<string, unknown> & { readonly isLastKnown: boolean })[];
  readonly outcomes: readonly Record<string, unknown>[];
}

const web = { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' };
const failed: Project = {
  projectId: 'demo/shop',
  commitId: 'c0ffee',
  phase: SyncPhase.FAILED,
  run: 1n,
  startedAt: timestampFromMs(1_000),
  endedAt: timestampFromMs(3_500),
  counts: { applied: 3, failed: 1 },
  reason: '1 resources failed',
  failures: [{ object: web, action: SyncAction.APPLY, error: 'denied', lastEvent: 'FailedCreate: quota' }],
  objects: [
    {
      object: { kind: 'Service', namespace: 'shop', name: 'web' },
      result: SyncObjectResult.SUCCESSFUL,
      health: 'Current',
    },
    { object: web, action: SyncAction.APPLY, result: SyncObjectResult.FAILED, health: 'Unknown' },
  ],
};
const synced: Project = {
  projectId: 'demo/shop',
  commitId: 'c0ffee',
  phase: SyncPhase.SYNCED,
  startedAt: timestampFromMs(1_000),
  endedAt: timestampFromMs(2_000),
};

function storeUnderTest(bytesMax?: number) {
  const clock = new VirtualClock();
  const log = new RecordingLog();
  const { metrics, expose } = createMetrics({ processMetrics: false });
  const reports = new SyncReports({ clock, log, metrics, ...(bytesMax === undefined ? {} : { bytesMax }) });
  let sequence = 0n;
  return {
    clock,
    log,
    reports,
    metric: async (line: string) =>
      Number(
        (await expose()).body
          .split('\n')
          .find((one) => one.startsWith(`${line} `))
          ?.split(' ')
          .at(-1),
      ),
    shown: () => reports.shown() as Shown,
    tell: (
      projects: readonly Project[],
      more: Report & { agentId?: bigint; ids?: string[]; session?: string } = {},
    ) =>
      reports.take(
        { sessionId: more.session ?? 's1', agentId: more.agentId ?? 7n },
        create(ReportRequestSchema, {
          reporterId: 1n,
          sequence: (sequence += 1n),
          projectIds: more.ids ?? projects.map(({ projectId }) => projectId ?? ''),
          changed: [...projects],
          ...more,
        }),
      ).code,
  };
}

describe('an agent on a real kas', () => {
  it('tells of a project, is shown in /state, and stays as last known when it leaves', async () => {
    const kas = await KasUnderTest.start();
    const agent = new FakeAgent(kas.ports.agents, tokens.agent);
    const report: Report = { reporterId: 5n, sequence: 1n, projectIds: ['demo/shop'], changed: [failed] };
    expect(await agent.report(report)).toEqual({ code: 0, details: '' });
    const shown = async () => (JSON.parse((await kas.observe('/state')).text) as { gitops: Shown }).gitops;
    expect((await shown()).projects).toMatchObject([
      {
        agentId: '1',
        project: 'demo/shop',
        commit: 'c0ffee',
        phase: 'failed',
        counts: { applied: 3, failed: 1 },
        failures: [
          {
            object: 'apps/Deployment shop/web',
            action: 'apply',
            error: 'denied',
            lastEvent: 'FailedCreate: quota',
          },
        ],
        objects: [{ object: 'apps/Deployment shop/web', result: 'Failed' }, { object: 'Service shop/web' }],
        isLastKnown: false,
      },
    ]);
    expect(await agent.report({ ...report, sequence: 0n })).toMatchObject({ code: 3 });
    agent.close();
    await until(async () => (await shown()).projects[0]?.isLastKnown === true);
    await kas.finish();
  });

  it('is refused without a known token', async () => {
    const kas = await KasUnderTest.start();
    const agent = new FakeAgent(kas.ports.agents, 'nobody-knows-this-token-1234');
    expect(await agent.report({ reporterId: 1n, sequence: 1n })).toMatchObject({ code: 16 });
    await kas.finish(agent);
  });
});

describe('reports', () => {
  it('replace what was known and count each run once', async () => {
    const { tell, shown, metric } = storeUnderTest();
    tell([{ ...failed, phase: SyncPhase.APPLYING, endedAt: undefined }]);
    expect(await metric('kas_gitops_projects{phase="applying"}')).toBe(1);
    tell([failed]);
    tell([failed]);
    tell([{ ...synced, run: 2n }]);
    expect(shown().projects).toMatchObject([{ phase: 'synced', objects: [], failures: [] }]);
    expect(await metric('kas_gitops_projects{phase="applying"}')).toBe(0);
    expect(await metric('kas_gitops_syncs_total{outcome="failed"}')).toBe(1);
    expect(await metric('kas_gitops_sync_duration_seconds_sum{outcome="failed"}')).toBe(2.5);
    expect(shown().outcomes.map(({ outcome }) => outcome)).toEqual(['synced', 'failed']);
  });

  it('that were overtaken change nothing', () => {
    const { tell, shown } = storeUnderTest();
    tell([{ ...synced, run: 2n }], { sequence: 10n });
    expect(tell([failed], { sequence: 9n })).toBe(0);
    expect(shown().projects).toMatchObject([{ phase: 'synced' }]);
  });

  it('of a former leader take away only what is its own', () => {
    const { tell, shown } = storeUnderTest();
    tell([failed, { ...failed, projectId: 'demo/old' }]);
    tell([synced], { reporterId: 2n, session: 's2' });
    tell([], { reporterId: 1n });
    expect(shown().projects).toMatchObject([{ project: 'demo/shop', phase: 'synced' }]);
  });

  it('may not change a project they do not name', () => {
    const { tell } = storeUnderTest();
    expect(tell([failed], { ids: ['another'] })).toBe(3);
  });

  it('are forgotten an hour after their agent left, unless it came back', async () => {
    const { tell, shown, reports, clock, metric } = storeUnderTest();
    tell([failed]);
    reports.sessionEnded({ sessionId: 's1', agentId: 7n });
    clock.advance(3_599_000);
    expect(shown().projects).toMatchObject([{ isLastKnown: true }]);
    tell([], { session: 's2', ids: ['demo/shop'] });
    reports.sessionEnded({ sessionId: 's1', agentId: 7n });
    clock.advance(3_601_000);
    expect(shown().projects).toMatchObject([{ isLastKnown: false }]);
    reports.sessionEnded({ sessionId: 's2', agentId: 7n });
    clock.advance(3_601_000);
    expect(shown().projects).toEqual([]);
    expect(await metric('kas_gitops_report_bytes')).toBe(0);
    expect(await metric('kas_gitops_objects_failing')).toBe(0);
  });

  it('are a line when something is news, and none when it is as before', () => {
    const { tell, log, clock } = storeUnderTest();
    const shown = () => log.lines.filter(({ level }) => level !== 'debug').splice(0);
    tell([failed]);
    expect(shown()).toMatchObject([
      {
        level: 'warn',
        message: 'GitOps: synchronization failed',
        fields: {
          agent_id: 7n,
          project_id: 'demo/shop',
          commit_id: 'c0ffee',
          reason: '1 resources failed',
          object: 'apps/Deployment shop/web',
          cause: 'denied',
          last_event: 'FailedCreate: quota',
          duration_in_ms: 2_500,
        },
      },
    ]);
    clock.advance(60_000);
    tell([{ ...failed, run: 2n }]);
    expect(shown()).toHaveLength(1);
    tell([{ ...synced, run: 3n }]);
    tell([{ ...failed, run: 4n }]); // too soon after
    clock.advance(60_000);
    tell([{ ...synced, run: 5n, rejectedCommitId: 'bad', rejectedReason: 'a.yaml: no kind' }]);
    expect(shown().map(({ message }) => message)).toEqual([
      'GitOps: synchronization failed',
      'GitOps: synchronized',
      'GitOps: manifests cannot be read, the commit before stays in force',
      'GitOps: synchronized',
    ]);
  });

  it('with text made to deceive are shown without what deceives', () => {
    const { tell, shown } = storeUnderTest();
    tell([
      {
        ...failed,
        reason: '\u001b[2J\nall is well\u202e',
        failures: [{ object: { kind: 'A\nB', name: 'c\u0000' } }],
      },
    ]);
    expect(shown().projects).toMatchObject([{ reason: '[2J all is well', failures: [{ object: 'A B c' }] }]);
  });

  it('lose their objects, then are refused, when kas keeps too much already', async () => {
    const { tell, shown, metric } = storeUnderTest(500_000);
    const objects = Array.from({ length: 200 }, (_, index) => ({
      object: { kind: 'ConfigMap', namespace: 'n'.repeat(250), name: `${index}-${'x'.repeat(250)}` },
    }));
    const codes: number[] = [];
    for (let agentId = 1n; agentId <= 500n; agentId++) {
      codes.push(tell([{ ...synced, run: 1n, objects }], { agentId }));
    }
    const { projects } = shown();
    expect(projects[0]).toMatchObject({ objectsHidden: 0 });
    expect(projects.at(-1)).toMatchObject({ objects: [], objectsHidden: 200 });
    expect(codes).toEqual([...projects.map(() => 0), ...Array<number>(500 - projects.length).fill(8)]);
    expect(projects.length).toBeGreaterThan(10);
    expect(projects.length).toBeLessThan(500);
    expect(await metric('kas_gitops_report_bytes')).toBeLessThanOrEqual(500_000);
    expect(await metric('kas_gitops_report_bytes_max')).toBe(500_000);
  });

  it('of ever new processes of one agent are those of the latest', () => {
    const { tell, shown } = storeUnderTest();
    for (let reporterId = 1n; reporterId <= 100n; reporterId++) {
      tell([{ ...synced, projectId: `p${reporterId}` }], { reporterId });
    }
    expect(shown().projects.map(({ project }) => project)).toEqual(
      Array.from({ length: 16 }, (_, index) => `p${85 + index}`),
    );
  });
});
