/**
 * One stream of manifests to one agent (`GetObjectsToSynchronize`, `spec/kas.md §4.2`): may it read the project, which commit
 * is the newest, fetch what its paths select, send it, end; the agent opens the next stream at once. One actor per stream.
 *
 * G1. The project is authorised anew before each look at a commit: a right that is taken away ends the stream.
 * G2. A repository that is empty or cannot be read makes the agent wait; nothing is sent that it could take for "delete all".
 * G3. Everything of one stream is of one commit; a commit that comes meanwhile is for the next stream.
 * G4. Connection age and a stopping kas end a waiting stream with OK. A sending one finishes first.
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Ending } from './config-watch.ts';
import type { Polled } from './repository-poller.ts';

/** May the agent read the project? */
export type ProjectVerdict =
  /** `pinned`: the agent wants one commit, and nothing newer can come. */
  | { readonly kind: 'granted'; readonly pinned: boolean }
  | { readonly kind: 'ended'; readonly ending: Ending }
  | { readonly kind: 'unavailable'; readonly reason: string };
/** What came of fetching or sending a commit. */
export type Delivery =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'ended'; readonly ending: Ending }
  | { readonly kind: 'unavailable'; readonly reason: string };

type Input = {
  readonly streamId: string;
  /** The commit the agent has; empty when it has none. */
  readonly commitId: string;
  /** The commit the agent asks for by its id; else empty. */
  readonly wanted: string;
};
type Context = Input & {
  /** The newest commit known; empty while none is. */
  readonly found: string;
  readonly attempt: number;
  readonly ending: Ending;
};
type Event =
  | { readonly type: 'repository.polled'; readonly polled: Polled }
  | { readonly type: 'call.closed'; readonly reason: string }
  | { readonly type: 'age.expired' }
  | { readonly type: 'session.refused'; readonly code: number; readonly message: string }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'ended'; readonly ending: Ending };
type Result = ProjectVerdict | Delivery;
type Step = { readonly streamId: string; readonly commitId: string };

const notFound = 5;
const ok: Ending = { code: 0, message: '' };
const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`gitopsStream: ${name} is not provided`);
};

export const gitopsStreamDelays = { backoffInitMs: 10_000, backoffMaxMs: 300_000 } as const;

/** Doubling from ten seconds to five minutes, before jitter (`spec/kas.md §4.2`). */
export function gitopsStreamBackoffMs(attempt: number): number {
  const { backoffInitMs, backoffMaxMs } = gitopsStreamDelays;
  return Math.min(backoffInitMs * 2 ** Math.min(Math.max(attempt - 1, 0), 8), backoffMaxMs);
}

export const gitopsStreamMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    authorize: fromPromise<ProjectVerdict, Step>(notProvided('authorize')),
    fetch: fromPromise<Delivery, Step>(notProvided('fetch')),
    send: fromPromise<Delivery, Step>(notProvided('send')),
  },
  actions: {
    keepCommit: assign((_, { polled }: { polled: Polled }) =>
      polled.kind === 'commit' ? { found: polled.commitId } : {},
    ),
    keepMissing: assign((_, { polled }: { polled: Polled }) =>
      polled.kind === 'missing'
        ? { ending: { code: notFound, message: `GitOps: repository poll failed: ${polled.reason}` } }
        : {},
    ),
    keepEnding: assign((_, { result }: { result: Result }) =>
      result.kind === 'ended' ? { ending: result.ending } : {},
    ),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    report: (_, _params: { streamId: string; reason: string }) => {},
  },
  guards: {
    granted: (_, { result }: { result: Result }) => result.kind === 'granted',
    delivered: (_, { result }: { result: Result }) => result.kind === 'delivered',
    ended: (_, { result }: { result: Result }) => result.kind === 'ended',
    missing: (_, { polled }: { polled: Polled }) => polled.kind === 'missing',
    isCommit: (_, { polled }: { polled: Polled }) => polled.kind === 'commit',
    grantedWithNews: ({ context }, { result }: { result: Result }) =>
      result.kind === 'granted' && context.found !== '' && context.found !== context.commitId,
    grantedAndSettled: ({ context }, { result }: { result: Result }) =>
      result.kind === 'granted' && result.pinned && context.found === context.commitId,
  },
  delays: {
    // The actor adds jitter.
    backoff: ({ context }) => gitopsStreamBackoffMs(context.attempt),
  },
}).createMachine({
  id: 'gitopsStream',
  description: 'One stream of manifests to one agent: authorise, wait for a commit, fetch, send, end.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, found: input.wanted, attempt: 0, ending: ok }),
  initial: 'authorizing',
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
    authorizing: {
      tags: ['transient'],
      on: {
        'repository.polled': [
          {
            guard: { type: 'missing', params: polled },
            target: 'ended',
            actions: { type: 'keepMissing', params: polled },
          },
          { actions: { type: 'keepCommit', params: polled } },
        ],
      },
      invoke: {
        id: 'authorize',
        src: 'authorize',
        input: step,
        onDone: [
          { guard: { type: 'grantedAndSettled', params: outcome }, target: 'settled' },
          { guard: { type: 'grantedWithNews', params: outcome }, target: 'fetching' },
          { guard: { type: 'granted', params: outcome }, target: 'watching' },
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
    watching: {
      description: 'Everything known has been sent before; the poller of the repository tells of more.',
      tags: ['healthy'],
      on: {
        'repository.polled': [
          {
            guard: { type: 'missing', params: polled },
            target: 'ended',
            actions: { type: 'keepMissing', params: polled },
          },
          {
            guard: { type: 'isCommit', params: polled },
            target: 'authorizing',
            actions: { type: 'keepCommit', params: polled },
          },
        ],
      },
    },
    settled: {
      description: 'The agent has the one commit it wants; the stream only stays open.',
      tags: ['healthy'],
    },
    fetching: {
      tags: ['transient'],
      invoke: {
        id: 'fetch',
        src: 'fetch',
        input: step,
        onDone: [
          { guard: { type: 'delivered', params: outcome }, target: 'sending' },
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
    sending: {
      tags: ['healthy'],
      on: { 'age.expired': {}, 'stop.requested': {} },
      invoke: {
        id: 'send',
        src: 'send',
        input: step,
        onDone: { target: 'ended', actions: { type: 'keepEnding', params: outcome } },
        onError: 'ended',
      },
    },
    backingOff: {
      tags: ['degraded'],
      after: { backoff: 'authorizing' },
      on: { 'repository.polled': { actions: { type: 'keepCommit', params: polled } } },
    },
    ended: { type: 'final' },
  },
});

function step({ context }: { context: Context }): Step {
  return { streamId: context.streamId, commitId: context.found };
}

function polled({ event }: { event: { polled: Polled } }) {
  return { polled: event.polled };
}

function outcome({ event }: { event: { output: Result } }) {
  return { result: event.output };
}

function failure({ context, event }: { context: Context; event: { output: Result } }) {
  return {
    streamId: context.streamId,
    reason: event.output.kind === 'unavailable' ? event.output.reason : '',
  };
}

function crash({ context, event }: { context: Context; event: { error: unknown } }) {
  return {
    streamId: context.streamId,
    reason: event.error instanceof Error ? event.error.message : String(event.error),
  };
}
