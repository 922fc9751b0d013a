/**
 * One agent's configuration stream (`GetConfiguration`, `spec/wire.md §10`): find the newest commit of the configuration
 * project, read the agent's file there, deliver it, wait. One actor per stream; the stream itself belongs to the actor.
 *
 * W1. A missing answer is never an empty configuration: only "the file does not exist at this commit" is.
 * W2. A commit counts as processed when its configuration was handed to the agent, not before.
 * W3. A push noticed while the repository is being read is not lost: it is read again right after.
 * W4. Connection age and a stopping kas end the stream with OK: the agent opens it again elsewhere.
 */
import { assign, fromPromise, setup } from 'xstate';

export type Ending = { readonly code: number; readonly message: string };
export type Resolution =
  | { readonly kind: 'changed'; readonly commitId: string }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'ended'; readonly ending: Ending }
  | { readonly kind: 'unavailable'; readonly reason: string };
export type Fetched =
  | { readonly kind: 'fetched' }
  | { readonly kind: 'ended'; readonly ending: Ending }
  | { readonly kind: 'unavailable'; readonly reason: string };

type Input = {
  readonly watchId: string;
  /** The commit the agent has already; empty when it has none. */
  readonly commitId: string;
  readonly pollMs: number;
};
type Context = Input & {
  readonly nextCommitId: string;
  readonly attempt: number;
  /** A push was noticed that what is being read may not show. */
  readonly pushed: boolean;
  readonly ending: Ending;
};
type Event =
  | { readonly type: 'push.noticed' }
  | { readonly type: 'call.closed'; readonly reason: string }
  | { readonly type: 'age.expired' }
  | { readonly type: 'session.refused'; readonly code: number; readonly message: string }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'ended'; readonly ending: Ending };
type Result = Resolution | Fetched;
type Step = { readonly watchId: string; readonly commitId: string };

const ok: Ending = { code: 0, message: '' };
const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`configWatch: ${name} is not provided`);
};

export const configWatchMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    resolve: fromPromise<Resolution, Step>(notProvided('resolve')),
    fetch: fromPromise<Fetched, Step>(notProvided('fetch')),
    deliver: fromPromise<Fetched, Step>(notProvided('deliver')),
  },
  actions: {
    keepNext: assign((_, { result }: { result: Result }) =>
      result.kind === 'changed' ? { nextCommitId: result.commitId } : {},
    ),
    notePush: assign({ pushed: true }),
    forgetPush: assign({ pushed: false }),
    markProcessed: assign({ commitId: ({ context }) => context.nextCommitId, attempt: 0 }),
    keepEnding: assign((_, { result }: { result: Result }) =>
      result.kind === 'ended' ? { ending: result.ending } : {},
    ),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    forgetAttempts: assign({ attempt: 0 }),
    report: (_, _params: { watchId: string; reason: string }) => {},
  },
  guards: {
    changed: (_, { result }: { result: Result }) => result.kind === 'changed',
    fetched: (_, { result }: { result: Result }) => result.kind === 'fetched',
    ended: (_, { result }: { result: Result }) => result.kind === 'ended',
    unavailable: (_, { result }: { result: Result }) => result.kind === 'unavailable',
    pushed: ({ context }) => context.pushed,
  },
  delays: {
    pollPeriod: ({ context }) => context.pollMs,
    // The actor provides the jittered formula of `spec/wire.md §12`; this is its deterministic floor.
    backoff: ({ context }) => Math.min(10_000 * 2 ** Math.min(context.attempt - 1, 8), 60_000),
  },
}).createMachine({
  id: 'configWatch',
  description: "One agent's configuration stream: newest commit, its file, delivery, wait.",
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, nextCommitId: '', attempt: 0, pushed: false, ending: ok }),
  initial: 'resolving',
  output: ({ context }) => ({ kind: 'ended', ending: context.ending }),
  on: {
    'call.closed': '.ended',
    'age.expired': '.ended',
    'session.refused': {
      target: '.ended',
      actions: {
        type: 'keepEnding',
        params: ({ event: { code, message } }) => ({ result: { kind: 'ended', ending: { code, message } } }),
      },
    },
    'stop.requested': '.ended',
  },
  states: {
    resolving: {
      tags: ['transient'],
      entry: 'forgetPush',
      on: { 'push.noticed': { actions: 'notePush' } },
      invoke: {
        id: 'resolve',
        src: 'resolve',
        input: ({ context }) => ({ watchId: context.watchId, commitId: context.commitId }),
        onDone: [
          {
            guard: { type: 'changed', params: outcome },
            target: 'fetching',
            actions: { type: 'keepNext', params: outcome },
          },
          {
            guard: { type: 'ended', params: outcome },
            target: 'ended',
            actions: { type: 'keepEnding', params: outcome },
          },
          {
            guard: { type: 'unavailable', params: outcome },
            target: 'backingOff',
            actions: ['countAttempt', { type: 'report', params: failure }],
          },
          { target: 'waiting', actions: 'forgetAttempts' },
        ],
        onError: { target: 'backingOff', actions: ['countAttempt', { type: 'report', params: crash }] },
      },
    },
    fetching: {
      tags: ['transient'],
      on: { 'push.noticed': { actions: 'notePush' } },
      invoke: {
        id: 'fetch',
        src: 'fetch',
        input: ({ context }) => ({ watchId: context.watchId, commitId: context.nextCommitId }),
        onDone: [
          { guard: { type: 'fetched', params: outcome }, target: 'delivering' },
          {
            guard: { type: 'ended', params: outcome },
            target: 'ended',
            actions: { type: 'keepEnding', params: outcome },
          },
          { target: 'backingOff', actions: ['countAttempt', { type: 'report', params: failure }] },
        ],
        onError: { target: 'backingOff', actions: ['countAttempt', { type: 'report', params: crash }] },
      },
    },
    delivering: {
      tags: ['healthy'],
      on: { 'push.noticed': { actions: 'notePush' } },
      invoke: {
        id: 'deliver',
        src: 'deliver',
        input: ({ context }) => ({ watchId: context.watchId, commitId: context.nextCommitId }),
        onDone: [
          { guard: { type: 'fetched', params: outcome }, target: 'waiting', actions: 'markProcessed' },
          {
            guard: { type: 'ended', params: outcome },
            target: 'ended',
            actions: { type: 'keepEnding', params: outcome },
          },
          { target: 'backingOff', actions: ['countAttempt', { type: 'report', params: failure }] },
        ],
        onError: { target: 'backingOff', actions: ['countAttempt', { type: 'report', params: crash }] },
      },
    },
    waiting: {
      tags: ['healthy'],
      always: { guard: 'pushed', target: 'resolving' },
      after: { pollPeriod: 'resolving' },
      on: { 'push.noticed': 'resolving' },
    },
    backingOff: { tags: ['degraded'], after: { backoff: 'resolving' }, on: { 'push.noticed': 'resolving' } },
    ended: { type: 'final' },
  },
});

function outcome({ event }: { event: { output: Result } }) {
  return { result: event.output };
}

function failure({ context, event }: { context: Context; event: { output: Result } }) {
  return {
    watchId: context.watchId,
    reason: event.output.kind === 'unavailable' ? event.output.reason : '',
  };
}

function crash({ context, event }: { context: Context; event: { error: unknown } }) {
  return {
    watchId: context.watchId,
    reason: event.error instanceof Error ? event.error.message : String(event.error),
  };
}
