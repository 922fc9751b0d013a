/**
 * One manifest project in the cluster (`spec/agentk.md §5.3`): read a commit, bring the cluster to it, keep it there. Two regions:
 * what is known of the newest commit, and what is being done with the last one that could be read. The runs themselves live in the
 * actor's resource by number.
 *
 * S1. A commit that cannot be read disturbs nothing: the one before goes on being applied.
 * S2. One run at a time. A newer commit cancels the run under way and begins when that has ended.
 * S3. A cancelled run finishes the object in its hands, and its inventory keeps the union of both commits.
 * S4. After a success the commit is applied again every five minutes, and at once when the cluster drifted from it.
 * S5. Deletions that are held do not keep the rest from being applied; whether a person agreed is looked at every few seconds.
 */
import { assign, raise, setup } from 'xstate';
import type { Tone } from './tone.ts';

export type SyncVerdict = 'synced' | 'held' | 'failed' | 'cancelled';

type Input = { readonly syncId: string };
type Context = Input & {
  /** The newest commit that came; empty while none has. */
  readonly commitId: string;
  readonly run: number;
  readonly failures: number;
  readonly failedAtMs: number;
};
type RunEnded = { readonly run: number; readonly verdict: SyncVerdict; readonly atMs: number };
type Event =
  | { readonly type: 'commit.received'; readonly commitId: string }
  | { readonly type: 'commit.read'; readonly commitId: string }
  | { readonly type: 'commit.rejected'; readonly commitId: string }
  /** Nothing is known to be wrong with it; there was no worker to read it. */
  | { readonly type: 'commit.postponed'; readonly commitId: string }
  | { readonly type: 'manifests.ready' }
  | { readonly type: 'phase.entered'; readonly run: number; readonly phase: string }
  | ({ readonly type: 'run.ended' } & RunEnded)
  | { readonly type: 'drift.noticed' }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };
type Numbered = { readonly syncId: string; readonly run: number };

/** `spec/agentk.md §10`, gitops. */
export const gitopsSyncDelays = {
  reapplyMs: 300_000,
  /** How soon a person's word on held deletions is heard. */
  heldMs: 15_000,
  /** Drift is waited out for a moment: changes come in bursts. */
  driftMs: 500,
  backoffInitMs: 10_000,
  backoffMsMax: 60_000,
  backoffJitter: 1,
  backoffResetMs: 120_000,
  stopMs: 15_000,
  rereadMs: 10_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function gitopsSyncBackoffMs(failures: number): number {
  const { backoffInitMs, backoffMsMax } = gitopsSyncDelays;
  return Math.min(backoffInitMs * 2 ** Math.min(Math.max(failures - 1, 0), 8), backoffMsMax);
}

export const gitopsSyncMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as Tone,
  },
  actions: {
    keepCommit: assign((_, { commitId }: { commitId: string }) => ({ commitId })),
    nextRun: assign({ run: ({ context }) => context.run + 1 }),
    countFailure: assign(({ context }, { atMs }: RunEnded) => ({
      failures: atMs - context.failedAtMs > gitopsSyncDelays.backoffResetMs ? 1 : context.failures + 1,
      failedAtMs: atMs,
    })),
    forgiveFailures: assign({ failures: 0 }),
    /** Reads the commit in the project's slot; answers with `commit.read`, `commit.rejected` or `commit.postponed`. */
    readCommit: (_, _params: { syncId: string; commitId: string }) => {},
    startRun: (_, _params: Numbered) => {},
    cancelRun: (_, _params: Numbered) => {},
    /** Watches the cluster for changes to what was applied; answers with `drift.noticed`. */
    watchDrift: (_, _params: Numbered) => {},
    unwatchDrift: (_, _params: Numbered) => {},
  },
  guards: {
    newest: ({ context }, { commitId }: { commitId: string }) => commitId === context.commitId,
    synced: ({ context }, { run, verdict }: RunEnded) => run === context.run && verdict === 'synced',
    held: ({ context }, { run, verdict }: RunEnded) => run === context.run && verdict === 'held',
    failed: ({ context }, { run, verdict }: RunEnded) =>
      run === context.run && (verdict === 'failed' || verdict === 'cancelled'),
    current: ({ context }, { run }: { run: number }) => run === context.run,
    isApplying: ({ context }, { run, phase }: { run: number; phase: string }) =>
      run === context.run && phase === 'applying',
    isWaiting: ({ context }, { run, phase }: { run: number; phase: string }) =>
      run === context.run && phase === 'waiting',
    isPruning: ({ context }, { run, phase }: { run: number; phase: string }) =>
      run === context.run && phase === 'pruning',
    isStoring: ({ context }, { run, phase }: { run: number; phase: string }) =>
      run === context.run && phase === 'storing',
  },
  delays: {
    reapply: gitopsSyncDelays.reapplyMs,
    heard: gitopsSyncDelays.heldMs,
    drift: gitopsSyncDelays.driftMs,
    reread: gitopsSyncDelays.rereadMs,
    stopDeadline: gitopsSyncDelays.stopMs,
    // The actor provides it with jitter.
    backoff: ({ context }) => gitopsSyncBackoffMs(context.failures),
  },
}).createMachine({
  id: 'gitopsSync',
  description: 'One manifest project in the cluster: read a commit, bring the cluster to it, keep it there.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, commitId: '', run: 0, failures: 0, failedAtMs: 0 }),
  initial: 'following',
  output: { kind: 'stopped' },
  states: {
    following: {
      type: 'parallel',
      states: {
        manifests: {
          initial: 'none',
          on: {
            'commit.received': {
              target: '.reading',
              actions: { type: 'keepCommit', params: ({ event }) => ({ commitId: event.commitId }) },
            },
          },
          states: {
            none: { tags: ['transient'] },
            reading: {
              tags: ['transient'],
              entry: {
                type: 'readCommit',
                params: ({ context }) => ({ syncId: context.syncId, commitId: context.commitId }),
              },
              on: {
                'commit.read': {
                  guard: { type: 'newest', params: ({ event }) => ({ commitId: event.commitId }) },
                  target: 'usable',
                  actions: raise({ type: 'manifests.ready' }),
                },
                'commit.rejected': {
                  guard: { type: 'newest', params: ({ event }) => ({ commitId: event.commitId }) },
                  target: 'rejected',
                },
                'commit.postponed': {
                  guard: { type: 'newest', params: ({ event }) => ({ commitId: event.commitId }) },
                  target: 'postponed',
                },
              },
            },
            usable: { tags: ['healthy'] },
            rejected: { tags: ['degraded'], description: 'S1' },
            postponed: { tags: ['degraded'], after: { reread: 'reading' } },
          },
        },
        cluster: {
          initial: 'idle',
          states: {
            idle: { tags: ['transient'], on: { 'manifests.ready': 'running' } },
            running: {
              tags: ['transient'],
              entry: ['nextRun', { type: 'startRun', params: numbered }],
              initial: 'planning',
              on: {
                'manifests.ready': 'superseding',
                'phase.entered': [
                  { guard: { type: 'isApplying', params: phase }, target: '.applying' },
                  { guard: { type: 'isWaiting', params: phase }, target: '.waitingForReady' },
                  { guard: { type: 'isPruning', params: phase }, target: '.pruning' },
                  { guard: { type: 'isStoring', params: phase }, target: '.storing' },
                ],
                'run.ended': [
                  {
                    guard: { type: 'synced', params: outcome },
                    target: 'synced',
                    actions: 'forgiveFailures',
                  },
                  { guard: { type: 'held', params: outcome }, target: 'held', actions: 'forgiveFailures' },
                  {
                    guard: { type: 'failed', params: outcome },
                    target: 'backingOff',
                    actions: { type: 'countFailure', params: outcome },
                  },
                ],
              },
              states: { planning: {}, applying: {}, waitingForReady: {}, pruning: {}, storing: {} },
            },
            superseding: {
              tags: ['transient'],
              description: 'S2: a newer commit waits for the end of the cancelled run.',
              entry: { type: 'cancelRun', params: numbered },
              on: { 'run.ended': { guard: { type: 'current', params: outcome }, target: 'running' } },
            },
            synced: {
              tags: ['healthy'],
              entry: { type: 'watchDrift', params: numbered },
              exit: { type: 'unwatchDrift', params: numbered },
              initial: 'steady',
              after: { reapply: 'running' },
              on: { 'manifests.ready': 'running' },
              states: {
                steady: { on: { 'drift.noticed': 'drifted' } },
                drifted: { after: { drift: '#gitopsSync.following.cluster.running' } },
              },
            },
            held: {
              tags: ['degraded'],
              description: 'Applied, but deletions wait for a person (S5).',
              after: { heard: 'running' },
              on: { 'manifests.ready': 'running' },
            },
            backingOff: {
              tags: ['down'],
              after: { backoff: 'running' },
              on: { 'manifests.ready': 'running' },
            },
          },
        },
      },
      on: { 'stop.requested': 'stopping' },
    },
    stopping: {
      tags: ['transient'],
      entry: { type: 'cancelRun', params: numbered },
      after: { stopDeadline: 'stopped' },
      on: {
        'run.ended': { guard: { type: 'current', params: outcome }, target: 'stopped' },
        'stop.requested': {},
      },
    },
    stopped: { type: 'final' },
  },
});

function numbered({ context }: { context: Context }): Numbered {
  return { syncId: context.syncId, run: context.run };
}

function outcome({ event: { run, verdict, atMs } }: { event: RunEnded }): RunEnded {
  return { run, verdict, atMs };
}

function phase({ event }: { event: { readonly run: number; readonly phase: string } }) {
  return { run: event.run, phase: event.phase };
}
