/** What a walk must know of the charts of agentk's modules. */
import type { ChartModel } from '../../src/testing/index.ts';
import { ends } from './stream-ends.ts';

export const agentkModels: Readonly<Record<string, ChartModel>> = {
  flux: {
    input: { fluxId: 'flux' },
    payloads: () => ({
      'xstate.done.actor.look': [{ output: { present: true } }, { output: { present: false } }],
    }),
  },
  'flux-notifications': {
    input: { streamId: 's1' },
    payloads: (context) => ({
      'link.restored': [{ incarnation: 1 }],
      'stream.ended': [...ends(context, ['finished', 'failed', 'lost']), ...ends({ stream: -1 }, ['failed'])],
    }),
  },
  informer: {
    input: { informerId: 'i1', resyncMs: 600_000 },
    payloads: () => {
      const lists = [
        { output: { kind: 'listed', uncached: false } },
        { output: { kind: 'expired', atMs: 1_000_000 } },
        { output: { kind: 'failed', atMs: 0 } },
      ];
      return {
        'xstate.done.actor.list': lists,
        'xstate.done.actor.relist': lists,
        'xstate.done.actor.watch': [
          { output: { kind: 'ended' } },
          { output: { kind: 'lost', atMs: 5 } },
          { output: { kind: 'busy', atMs: 5 } },
        ],
      };
    },
    project: ({ synced, newest, watchNext }) => [synced, newest, watchNext],
  },
  'leader-election': {
    input: { identity: 'agent-0' },
    payloads: () => {
      const attempts = [
        { output: { kind: 'held', tookMs: 5 } },
        { output: { kind: 'taken' } },
        { output: { kind: 'failed' } },
      ];
      return {
        'agent.identified': [{ agentId: '7' }],
        'xstate.done.actor.bid': attempts,
        'xstate.done.actor.renew': attempts,
      };
    },
  },
  'policy-inquiry': {
    input: { inquiryId: 'q1' },
    payloads: () => ({
      'xstate.done.actor.ask': [{ output: { kind: 'answered' } }, { output: { kind: 'failed', atMs: 5 } }],
    }),
  },
  'sync-reporter': {
    input: { reporterId: 'r1' },
    payloads: ({ incarnation }) => ({
      'link.restored': [{ incarnation: Math.min(Number(incarnation) + 1, 2) }],
      'xstate.done.actor.report': [
        { output: { kind: 'reported', more: false } },
        { output: { kind: 'reported', more: true } },
        { output: { kind: 'unimplemented' } },
        { output: { kind: 'lost' } },
        { output: { kind: 'failed', atMs: 5 } },
        { output: { kind: 'failed', atMs: 1_000_000 } },
      ],
    }),
    project: ({ incarnation, changed }) => [incarnation, changed],
  },
  'work-queue': {
    input: { queueId: 'q1' },
    payloads: () => ({
      'xstate.done.actor.work': [
        { output: { kind: 'more' } },
        { output: { kind: 'later', waitMs: 5 } },
        { output: { kind: 'empty' } },
      ],
    }),
  },
};
