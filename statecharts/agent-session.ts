/**
 * kas side of one connected agent: one token on one connection. It begins with the first call that carries the token and
 * ends with the connection, a refusal or a drain. What people ask of an agent ("is it connected, since when, with which
 * configuration, can it serve") is read from here.
 *
 * S1. No call of an agent is served before the token was accepted; waiting calls are answered by `answerCalls`.
 * S2. GitLab being down keeps calls waiting, and it is asked again until it answers; GitLab refusing ends the session
 *     (`spec/wire.md §6.4` step 1). A session that leaves keeps nobody waiting: `dismissCalls`.
 * S3. Absence is not deletion: an agent leaves the directory only when its connection is gone, never because a question
 *     to GitLab or to the store failed.
 * S4. The session's id is its incarnation; a farewell of an older one is refused by the store.
 */
import { assign, fromPromise, setup } from 'xstate';

export type AgentVerdict =
  | {
      readonly kind: 'granted';
      readonly agentId: bigint;
      readonly agentName: string;
      readonly projectId: bigint;
    }
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

type Input = {
  readonly sessionId: string;
  readonly peer: string;
  readonly lookupBackoffMs: { readonly init: number; readonly max: number };
  readonly refreshMs: number;
  readonly lastCallMs: number;
};
type Context = Input & {
  readonly agentId: bigint | undefined;
  readonly agentName: string;
  readonly tunnels: number;
  readonly watches: number;
  readonly attempt: number;
  readonly reason: string;
};
type Event =
  | { readonly type: 'recheck.requested' }
  | { readonly type: 'pod.announced' }
  | { readonly type: 'watches.changed'; readonly count: number }
  | { readonly type: 'tunnels.changed'; readonly count: number }
  | { readonly type: 'connection.stale' }
  | { readonly type: 'connection.draining' }
  | { readonly type: 'connection.closed'; readonly reason: string }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'gone'; readonly agentId: bigint | undefined; readonly reason: string };
type Named = { readonly sessionId: string };

const keepIdentity = { type: 'keepIdentity', params: verdict } as const;
const keepRefusal = { type: 'keepReason', params: refusal } as const;
const answerCalls = { type: 'answerCalls', params: answer } as const;
const answerCrash = { type: 'answerCalls', params: crash } as const;

/** The longest wait after so many questions that GitLab did not answer. */
export function lookupWaitMs({
  lookupBackoffMs,
  attempt,
}: Pick<Context, 'lookupBackoffMs' | 'attempt'>): number {
  return Math.min(lookupBackoffMs.init * 2 ** Math.min(attempt - 1, 16), lookupBackoffMs.max);
}

export const agentSessionMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    lookup: fromPromise<AgentVerdict, Named>(async () => {
      throw new Error('agentSession: lookup is not provided');
    }),
  },
  actions: {
    answerCalls: (_, _params: Named & { verdict: AgentVerdict; attempt: number }) => {},
    dismissCalls: (_, _params: Named) => {},
    announce: (_, _params: Named) => {},
    farewell: (_, _params: Named) => {},
    keepIdentity: assign((_, params: { verdict: AgentVerdict }) =>
      params.verdict.kind === 'granted'
        ? { agentId: params.verdict.agentId, agentName: params.verdict.agentName, attempt: 0 }
        : {},
    ),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    countTunnels: assign((_, params: { count: number }) => ({ tunnels: params.count })),
    countWatches: assign((_, params: { count: number }) => ({ watches: params.count })),
    keepReason: assign((_, params: { reason: string }) => ({ reason: params.reason })),
  },
  guards: {
    granted: (_, params: { verdict: AgentVerdict }) => params.verdict.kind === 'granted',
    refused: (_, params: { verdict: AgentVerdict }) => params.verdict.kind === 'refused',
    none: (_, params: { count: number }) => params.count === 0,
  },
  delays: {
    // The actor provides it with jitter.
    lookupBackoff: ({ context }) => lookupWaitMs(context),
    refresh: ({ context }) => context.refreshMs,
    lastCall: ({ context }) => context.lastCallMs,
  },
}).createMachine({
  id: 'agentSession',
  description: 'kas side of one connected agent: its token, its configuration watch, its tunnels.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    ...input,
    agentId: undefined,
    agentName: '',
    tunnels: 0,
    watches: 0,
    attempt: 0,
    reason: '',
  }),
  initial: 'authenticating',
  output: ({ context }) => ({ kind: 'gone', agentId: context.agentId, reason: context.reason }),
  on: {
    'connection.closed': {
      target: '.gone',
      actions: { type: 'keepReason', params: ({ event }) => ({ reason: event.reason }) },
    },
  },
  states: {
    authenticating: {
      tags: ['transient'],
      invoke: {
        id: 'lookup',
        src: 'lookup',
        input: named,
        onDone: [
          {
            guard: { type: 'granted', params: verdict },
            target: 'registered',
            actions: [keepIdentity, answerCalls],
          },
          {
            guard: { type: 'refused', params: verdict },
            target: 'gone',
            actions: [keepRefusal, answerCalls],
          },
          { target: 'backingOff', actions: ['countAttempt', answerCalls] },
        ],
        onError: {
          target: 'backingOff',
          actions: ['countAttempt', answerCrash],
        },
      },
      on: { 'stop.requested': 'gone', 'connection.stale': 'stale', 'connection.draining': 'draining' },
    },
    backingOff: {
      tags: ['down'],
      after: { lookupBackoff: 'authenticating' },
      on: { 'stop.requested': 'gone', 'connection.stale': 'stale', 'connection.draining': 'draining' },
    },
    registered: {
      type: 'parallel',
      on: {
        'connection.stale': 'stale',
        'connection.draining': 'draining',
        'stop.requested': 'draining',
      },
      states: {
        identity: {
          initial: 'known',
          states: {
            known: { tags: ['healthy'], on: { 'recheck.requested': 'rechecking' } },
            rechecking: {
              tags: ['healthy'],
              invoke: {
                id: 'recheck',
                src: 'lookup',
                input: named,
                onDone: [
                  {
                    guard: { type: 'refused', params: verdict },
                    target: '#agentSession.gone',
                    actions: [keepRefusal, answerCalls],
                  },
                  {
                    guard: { type: 'granted', params: verdict },
                    target: 'known',
                    actions: [keepIdentity, answerCalls],
                  },
                  { target: 'doubted', actions: ['countAttempt', answerCalls] },
                ],
                onError: {
                  target: 'doubted',
                  actions: ['countAttempt', answerCrash],
                },
              },
            },
            doubted: {
              description: 'GitLab could not be asked again. What was granted stands; calls may be waiting.',
              tags: ['degraded'],
              after: { lookupBackoff: 'rechecking' },
            },
          },
        },
        presence: {
          tags: ['healthy'],
          initial: 'unannounced',
          states: {
            unannounced: { on: { 'pod.announced': 'announced' } },
            announced: {
              entry: { type: 'announce', params: named },
              after: { refresh: { target: 'announced', reenter: true } },
              on: { 'pod.announced': { target: 'announced', reenter: true } },
            },
          },
        },
        configuration: {
          initial: 'unwatched',
          on: {
            'watches.changed': [
              {
                guard: { type: 'none', params: count },
                target: '.unwatched',
                actions: { type: 'countWatches', params: count },
              },
              {
                target: '.watched',
                actions: { type: 'countWatches', params: count },
              },
            ],
          },
          states: { unwatched: { tags: ['transient'] }, watched: { tags: ['healthy'] } },
        },
        tunnels: {
          initial: 'none',
          on: {
            'tunnels.changed': [
              {
                guard: { type: 'none', params: count },
                target: '.none',
                actions: { type: 'countTunnels', params: count },
              },
              {
                target: '.available',
                actions: { type: 'countTunnels', params: count },
              },
            ],
          },
          states: { none: { tags: ['degraded'] }, available: { tags: ['healthy'] } },
        },
      },
    },
    stale: {
      description: 'The wire is dead though TCP has not said so; nothing is routed here any more.',
      tags: ['down'],
      entry: { type: 'dismissCalls', params: named },
      after: { lastCall: 'gone' },
      on: { 'stop.requested': 'gone' },
    },
    draining: {
      description: 'No new work; what runs may finish. Ends with the connection.',
      tags: ['transient'],
      entry: { type: 'dismissCalls', params: named },
      on: { 'connection.stale': 'stale', 'stop.requested': 'gone' },
    },
    gone: {
      type: 'final',
      entry: { type: 'farewell', params: named },
    },
  },
});

function named({ context }: { context: Context }) {
  return { sessionId: context.sessionId };
}

function verdict({ event }: { event: { output: AgentVerdict } }) {
  return { verdict: event.output };
}

function refusal({ event }: { event: { output: AgentVerdict } }) {
  return { reason: event.output.kind === 'granted' ? '' : event.output.reason };
}

function count({ event }: { event: { count: number } }) {
  return { count: event.count };
}

function answer({ context, event }: { context: Context; event: { output: AgentVerdict } }) {
  return { sessionId: context.sessionId, verdict: event.output, attempt: context.attempt };
}

/** A question that threw is one that could not be asked. */
function crash({ context, event }: { context: Context; event: { error: unknown } }) {
  const reason = event.error instanceof Error ? event.error.message : String(event.error);
  const verdict: AgentVerdict = { kind: 'unavailable', reason };
  return { sessionId: context.sessionId, verdict, attempt: context.attempt };
}
