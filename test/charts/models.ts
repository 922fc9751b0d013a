/**
 * What a walk through a chart must know beyond the chart: an input, payloads that reach every branch of every guard, and
 * the finite part of the context that guards and delays look at. A chart without an entry is walked with bare events and
 * by state value alone.
 */
import { agentkModels } from './agentk-models.ts';
import type { ChartModel, Fields } from '../../src/testing/index.ts';
import { ends } from './stream-ends.ts';

const here = ({ incarnation }: Fields) => [
  { incarnation },
  { incarnation: Number(incarnation) - 1, reason: 'old' },
];
const reason = [{ reason: 'some reason' }];
const verdicts = [
  { output: { kind: 'granted', agentId: 7n, agentName: 'a', projectId: 8n } },
  { output: { kind: 'refused', code: 16, reason: 'no' } },
  { output: { kind: 'unavailable', reason: 'down' } },
];
const ending = { kind: 'ended', ending: { code: 5, message: 'gone' } };
const outage = { kind: 'unavailable', reason: 'down' };
const count = [{ count: 0 }, { count: 1 }];
const dials = [
  { output: { kind: 'connected' } },
  { output: { kind: 'refused', reason: 'wrong password' } },
  { output: { kind: 'unreachable', reason: 'down' } },
];

export const chartModels: Readonly<Record<string, ChartModel>> = {
  ...agentkModels,
  'agent-connection': {
    input: {
      connectionId: 'c1',
      prefaceMs: 1,
      vacancyMs: 1,
      keepaliveMs: 2,
      pingAckMs: 1,
      goAwayMs: 5,
      expireMs: 2,
      cutMs: 9,
      lastCallMs: 1,
    },
    payloads: () => ({
      'connection.closed': reason,
      'peer.abused': reason,
      'stop.requested': [{}, { afterMs: 1 }],
    }),
  },
  'agent-link': {
    input: { startDelayMs: 0 },
    payloads: (context) => ({
      'proxy.begun': here(context),
      'tls.begun': here(context),
      'upgrade.begun': here(context),
      'http2.begun': here(context),
      'upgrade.redirected': here(context).map((one) => ({ ...one, to: 'wss://kas/agent/' })),
      'settings.received': here(context),
      'connection.closed': here(context),
      'ping.acknowledged': here(context),
      'goaway.received': here(context),
      'call.accepted': here(context),
      'call.refused': here(context).map((one) => ({ ...one, code: 16, message: 'no' })),
    }),
    project: ({ failures, refusals }) => [failures === 0, refusals === 0],
  },
  'agent-session': {
    input: {
      sessionId: 's1',
      peer: '10.0.0.1:1',
      lookupBackoffMs: { init: 20, max: 100 },
      refreshMs: 1_000,
      lastCallMs: 100,
    },
    payloads: () => ({
      'xstate.done.actor.lookup': verdicts,
      'xstate.done.actor.recheck': verdicts,
      'watches.changed': count,
      'tunnels.changed': count,
      'connection.closed': reason,
    }),
  },
  agentk: {
    input: { drainMsMax: 1_000 },
    payloads: () => ({ 'restart.requested': reason, 'tree.failed': reason }),
    project: ({ failure }) => failure === undefined,
  },
  arrival: { input: { arrivalId: 'a1' } },
  'child-process': {
    input: { name: 'kas', command: 'node', args: [], environment: {}, stopGraceMs: 1_000 },
    payloads: () => ({
      'process.started': [{ pid: 1 }],
      'process.failed': reason,
      'process.exited': [{ code: 0, signal: null }],
    }),
  },
  'flux-stream': {
    input: { streamId: 's1', queueMax: 2 },
    project: (context) => (context['queue'] as readonly unknown[]).length,
    payloads: () => ({
      'push.noticed': [
        { push: { projectId: 1n, projectPath: 'a' } },
        { push: { projectId: 2n, projectPath: 'b' } },
      ],
      'xstate.done.actor.verifyAndTell': [
        { output: { kind: 'told' } },
        { output: { kind: 'full' } },
        { output: { kind: 'denied' } },
        { output: { kind: 'unavailable', reason: 'down' } },
      ],
      'call.closed': reason,
      'session.refused': [{ code: 16, message: 'no' }],
    }),
  },
  'config-watch': {
    input: { watchId: 'w1', commitId: '', pollMs: 20_000 },
    project: (context) => context['pushed'],
    payloads: () => ({
      'xstate.done.actor.resolve': [
        { output: { kind: 'changed', commitId: 'abc' } },
        { output: { kind: 'unchanged' } },
        { output: { kind: 'empty' } },
        { output: ending },
        { output: outage },
      ],
      'xstate.done.actor.fetch': [{ output: { kind: 'fetched' } }, { output: ending }, { output: outage }],
      'xstate.done.actor.deliver': [{ output: { kind: 'fetched' } }, { output: ending }, { output: outage }],
      'call.closed': reason,
      'session.refused': [{ code: 16, message: 'no' }],
    }),
  },
  'gitops-sync': {
    input: { syncId: 's1' },
    project: ({ commitId, run }) => [commitId, Math.min(Number(run), 2)],
    payloads: ({ run }) => ({
      'commit.received': [{ commitId: 'abc' }],
      'commit.read': [{ commitId: 'abc' }, { commitId: 'old' }],
      'commit.rejected': [{ commitId: 'abc' }, { commitId: 'old' }],
      'commit.postponed': [{ commitId: 'abc' }, { commitId: 'old' }],
      'phase.entered': ['planning', 'applying', 'waiting', 'pruning', 'storing'].map((phase) => ({
        run,
        phase,
      })),
      'run.ended': ['synced', 'held', 'failed', 'cancelled'].flatMap((verdict) => [
        { run, verdict, atMs: 1_000_000 },
        { run, verdict, atMs: 0 },
        { run: Number(run) - 1, verdict, atMs: 0 },
      ]),
    }),
  },
  'manifest-watch': {
    input: { watchId: 'w1' },
    payloads: (context) => ({
      'link.restored': [{ incarnation: 1 }],
      'stream.ended': [
        ...ends(context, ['received', 'receivedLast', 'finished', 'failed', 'lost']),
        ...ends({ stream: -1 }, ['received', 'failed']),
      ].map((each) => ({ ...each, commitId: 'abc' })),
    }),
  },
  'gitops-stream': {
    input: { streamId: 's1', commitId: 'old', wanted: '' },
    project: (context) => context['found'],
    payloads: () => ({
      'repository.polled': [
        { polled: { kind: 'commit', commitId: 'old' } },
        { polled: { kind: 'commit', commitId: 'new' } },
        { polled: { kind: 'empty' } },
        { polled: { kind: 'missing', reason: 'no such ref' } },
      ],
      'xstate.done.actor.authorize': [
        { output: { kind: 'granted', pinned: false } },
        { output: { kind: 'granted', pinned: true } },
        { output: ending },
        { output: outage },
      ],
      'xstate.done.actor.fetch': [{ output: { kind: 'delivered' } }, { output: ending }, { output: outage }],
      'xstate.done.actor.send': [{ output: { kind: 'delivered' } }, { output: ending }],
      'call.closed': reason,
      'session.refused': [{ code: 16, message: 'no' }],
    }),
  },
  'repository-poller': {
    input: { pollerId: 'p1', pollMs: 20_000 },
    project: ({ pushed, wanted }) => [pushed, wanted],
    payloads: () => ({
      'xstate.done.actor.poll': [
        { output: { kind: 'commit', commitId: 'abc' } },
        { output: { kind: 'empty' } },
        { output: { kind: 'missing', reason: 'no such ref' } },
        { output: outage },
      ],
      'listeners.changed': count,
    }),
  },
  'worker-pool': { payloads: () => ({ 'worker.lost': reason }) },
  'configuration-watch': {
    input: { watchId: 'w1' },
    payloads: (context) => ({
      'link.restored': [{ incarnation: 1 }],
      'configuration.processed': [
        { stream: context['stream'], commitId: 'abc' },
        { stream: -1, commitId: 'old' },
      ],
      'identity.changed': [
        { stream: context['stream'], reason: 'another agent' },
        { stream: -1, reason: 'old' },
      ],
      'stream.ended': [...ends(context, ['finished', 'failed', 'lost']), ...ends({ stream: -1 }, ['failed'])],
    }),
  },
  'gitaly-channel': {
    input: { channelId: 'c1' },
    payloads: ({ calls }) => ({
      'call.started': Number(calls) < 3 ? [{}] : [],
      'call.ended': Number(calls) > 0 ? [{}] : [],
    }),
    project: ({ calls }) => calls,
  },
  'gitlab-call': {
    input: { callId: 'q1', triesMax: 3 },
    payloads: () => ({
      'xstate.done.actor.takeTurn': [
        { output: { kind: 'taken' } },
        { output: { kind: 'refused', reason: 'full' } },
      ],
      'xstate.done.actor.ask': [
        { output: { kind: 'answered', again: false, retryAfterMs: 0 } },
        { output: { kind: 'answered', again: true, retryAfterMs: 10 } },
        { output: { kind: 'failed', again: true, reason: 'cut' } },
        { output: { kind: 'failed', again: false, reason: 'not trusted' } },
      ],
    }),
    project: ({ tries }) => tries,
  },
  kas: { input: { drainMsMax: 1_000 }, payloads: () => ({ 'tree.failed': reason }) },
  listener: {
    input: { name: 'agent', listenGraceMs: 1, shutdownGraceMs: 1 },
    payloads: () => ({ 'socket.failed': reason }),
  },
  'live-feed': { input: { pulseMs: 100 } },
  module: {
    input: { name: 'gitops', wanted: false },
    payloads: () => ({
      'configuration.changed': [{ wanted: true }, { wanted: false }],
      'module.failed': reason,
    }),
    project: ({ wanted }) => wanted,
  },
  'news-tail': {
    input: { tailId: 't1' },
    payloads: () => ({
      'xstate.done.actor.follow': [
        { output: { kind: 'lost', reason: 'closed' } },
        { output: { kind: 'refused', reason: 'no token' } },
      ],
    }),
    project: ({ reached }) => reached,
  },
  'object-wait': {
    input: { timeoutMs: 1_000 },
    payloads: () => ({
      'xstate.done.actor.watchObjects': [{ output: true }, { output: false }],
      'xstate.done.actor.askKinds': [{ output: true }, { output: false }],
    }),
  },
  registration: {
    input: { registrationId: 'r1' },
    payloads: ({ incarnation }) => ({
      'link.restored': [{ incarnation: Number(incarnation) + 1 }, { incarnation }],
      'xstate.done.actor.register': [
        { output: { kind: 'registered' } },
        { output: { kind: 'lost' } },
        { output: { kind: 'failed', atMs: 5 } },
      ],
    }),
  },
  request: {
    input: { requestId: 'r1', agentId: 7n, kind: 'ci' },
    payloads: ({ tunnelId }) => ({
      'authorization.granted': [{ atMs: 1_000 }],
      'authorization.refused': [{ httpStatus: 403, reason: 'Forbidden: agentId is not allowed' }],
      'tunnel.claimed': [{ tunnelId: 't1' }, { tunnelId: 't2' }],
      'tunnel.absent': [{ atMs: 1_005 }],
      'tunnel.lost': [
        { tunnelId, atMs: 6_000 },
        { tunnelId: 'another', atMs: 6_000 },
      ],
      'search.failed': reason,
      'forward.finished': [
        { tunnelId, outcome: 'served' },
        { tunnelId: 'another', outcome: 'served' },
      ],
    }),
    project: ({ losses, tunnelId }) => [losses, tunnelId],
  },
  'store-link': {
    input: { name: 'commands', triesMax: 2, dialMs: 5_000, probeMs: 3_000, probeAnswerMs: 3_000 },
    payloads: (context) => ({
      'xstate.done.actor.dial': dials,
      'xstate.done.actor.redial': dials,
      'connection.lost': here(context).map((one) => ({ ...one, reason: 'reset' })),
    }),
    project: ({ failures }) => Math.min(Number(failures), 2),
  },
  'store-upkeep': { input: { sweepPeriodMs: 600_000 } },
  supervisor: {
    input: { supervisorId: 'main' },
    payloads: () => ({
      'stop.requested': reason,
      'child.startFailed': [{ childId: 'a', reason: 'no' }],
      'restart.granted': [{ childId: 'a' }],
      'restart.refused': [{ childId: 'a', reason: 'too many' }],
      'significant.ended': [{ childId: 'a' }],
    }),
    project: ({ verdict }) => verdict,
  },
  tunnel: {
    input: { tunnelId: 't1', agentId: 7n, incarnation: 3 },
    payloads: ({ requestId }) => ({
      'claim.requested': [{ requestId: 'r1' }, { requestId: 'r2' }],
      'release.requested': [{ requestId }, { requestId: 'another' }],
      'forward.started': [{ requestId }, { requestId: 'another' }],
      'forward.finished': [
        { requestId, reusable: true, code: 0, message: '' },
        { requestId, reusable: false, code: 1, message: 'read from incoming stream' },
        { requestId: 'another', reusable: true, code: 0, message: '' },
      ],
      'descriptor.received': [{ incarnation: 3 }, { incarnation: 2 }],
      'peer.finished': [{ incarnation: 3 }, { incarnation: 2 }],
      'peer.closed': [
        { incarnation: 3, reason: 'reset' },
        { incarnation: 2, reason: 'old' },
      ],
    }),
    project: ({ requestId, code }) => [requestId, code],
  },
  'tunnel-client': {
    input: { tunnelId: 't1' },
    guards: { kasReuses: ({ context }) => context['incarnation'] === 2 },
    payloads: (context) => ({
      'link.restored': [{ incarnation: 1 }, { incarnation: 2 }],
      'request.arrived': [{ stream: context['stream'] }, { stream: -1 }],
      'request.finished': [
        { stream: context['stream'], atMs: 900_000 },
        { stream: -1, atMs: 0 },
      ],
      'stream.ended': [
        ...ends(context, ['served', 'again', 'failed', 'lost']),
        ...ends({ stream: -1 }, ['failed']),
      ],
    }),
    project: ({ incarnation, hasty, busyAtMs }) => [
      incarnation,
      Math.min(Number(hasty), 3),
      busyAtMs === undefined,
    ],
  },
  'tunnel-pool': {
    input: { idleMin: 2, sizeMax: 5, growthStep: 2 },
    payloads: ({ idle, busy, sizeMax }) => ({
      'tunnel.busied': Number(idle) > 0 ? [{}] : [],
      'tunnel.idled': Number(busy) > 0 ? [{}] : [],
      'tunnel.offered': Number(idle) > 0 ? [{ tunnelId: 't1' }] : [],
      'tunnel.kept': Number(idle) + Number(busy) < Number(sizeMax) ? [{}] : [],
      'tunnel.exited': [
        ...(Number(idle) > 0 ? [{ busy: false, planned: false }] : []),
        ...(Number(busy) > 0 ? [{ busy: true, planned: false }] : []),
        { busy: false, planned: true },
      ],
    }),
    project: ({ idle, busy }) => [idle, busy],
  },
  'watched-files': {
    input: { name: 'directory-file' },
    payloads: () => ({
      'xstate.done.actor.read': [
        { output: { kind: 'accepted' } },
        { output: { kind: 'rejected', reason: 'bad' } },
      ],
    }),
    project: ({ changedMeanwhile, prolongations }) => [changedMeanwhile, prolongations],
  },
  'usage-reporter': {
    input: { periodMs: 60_000 },
    payloads: () => {
      const verdicts = [{ output: { kind: 'told' } }, { output: { kind: 'failed', reason: 'down' } }];
      return { 'xstate.done.actor.report': verdicts, 'xstate.done.actor.flush': verdicts };
    },
    project: ({ failures }) => failures === 0,
  },
};

export const modelOf = (name: string): ChartModel => chartModels[name] ?? {};
