/**
 * How agentk keeps a copy of one kind of objects in step with the cluster (`spec/agentk.md §9.1`): list everything once, then
 * follow the changes; when the thread is lost, list again. The objects and the resource version are the store's, which the
 * actor fills; here is only what is being done.
 *
 * I1. A lost thread is not an emptied cluster: the copy stays as it is until a new list is complete.
 * I2. A relist asks for a state not older than the known one; only when the server cannot give that, for its newest.
 * I3. Every try but the first waits with jitter, also after `410 Gone`: informers that lost their server together do not come
 *     back together. A watch that ended in its own time goes on at once.
 * I4. A watch that says nothing for longer than it was asked to last is dead, and is opened anew where it was.
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

export type ListOutcome =
  /** `uncached`: the server pages where it should answer from its cache. */
  | { readonly kind: 'listed'; readonly uncached: boolean }
  | { readonly kind: 'expired'; readonly atMs: number }
  | { readonly kind: 'failed'; readonly atMs: number };

export type WatchOutcome =
  | { readonly kind: 'ended' }
  /** Its place in history is gone, or it cannot be told from a watch that never worked: list again. */
  | { readonly kind: 'lost'; readonly atMs: number }
  /** The server has no time: the same watch later. */
  | { readonly kind: 'busy'; readonly atMs: number };

/** From which state a list is taken: any, not older than the known one, or the newest. */
export type ListMode = 'any' | 'since' | 'newest';

type Input = {
  readonly informerId: string;
  readonly resyncMs: number;
  /** Already the first list shows the newest state, for those who compare it with what they just wrote. */
  readonly fresh?: boolean;
};
type Context = Input & {
  readonly synced: boolean;
  /** The known version cannot be listed (I2). */
  readonly newest: boolean;
  readonly uncached: boolean;
  /** What comes after the wait. */
  readonly watchNext: boolean;
  readonly failures: number;
  readonly failedAtMs: number;
};
type Event = { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };
type Asked = { readonly mode: ListMode; readonly paged: boolean };
type Failed = { readonly atMs: number };

export const informerDelays = {
  listMs: 300_000,
  /** The longest time a watch asks for, and a minute. */
  watchMs: 660_000,
  backoffInitMs: 800,
  backoffFactor: 2,
  backoffMsMax: 30_000,
  backoffJitter: 1,
  backoffResetMs: 120_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function informerBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = informerDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 8), backoffMsMax);
}

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`informer: ${name} is not provided`);
};

export const informerMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'synced' | Tone,
  },
  actors: {
    list: fromPromise<ListOutcome, Asked>(notProvided('list')),
    watch: fromPromise<WatchOutcome>(notProvided('watch')),
  },
  actions: {
    noteListed: assign((_, params: { uncached: boolean }) => ({
      synced: true,
      newest: false,
      uncached: params.uncached,
    })),
    askForNewest: assign({ newest: true }),
    listNext: assign({ watchNext: false }),
    watchNext: assign({ watchNext: true }),
    countFailure: assign(({ context }, { atMs }: Failed) => ({
      failures: atMs - context.failedAtMs > informerDelays.backoffResetMs ? 1 : context.failures + 1,
      failedAtMs: atMs,
    })),
    countCrash: assign({ failures: ({ context }) => context.failures + 1 }),
    resync: () => {},
    reportSilence: () => {},
    reportCrash: (_, _params: { reason: string }) => {},
  },
  guards: {
    listed: (_, { outcome }: { outcome: ListOutcome }) => outcome.kind === 'listed',
    expiredFirst: ({ context }, { outcome }: { outcome: ListOutcome }) =>
      outcome.kind === 'expired' && !context.newest,
    ended: (_, { outcome }: { outcome: WatchOutcome }) => outcome.kind === 'ended',
    busy: (_, { outcome }: { outcome: WatchOutcome }) => outcome.kind === 'busy',
    watchNext: ({ context }) => context.watchNext,
    synced: ({ context }) => context.synced,
  },
  delays: {
    listDeadline: informerDelays.listMs,
    watchDeadline: informerDelays.watchMs,
    resync: ({ context }) => context.resyncMs,
    // The actor provides it with jitter.
    backoff: ({ context }) => informerBackoffMs(context.failures),
  },
}).createMachine({
  id: 'informer',
  description: "A copy of one kind of the cluster's objects, kept in step.",
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    ...input,
    synced: false,
    newest: input.fresh ?? false,
    uncached: false,
    watchNext: false,
    failures: 0,
    failedAtMs: 0,
  }),
  initial: 'running',
  output: { kind: 'stopped' },
  states: {
    running: {
      type: 'parallel',
      on: { 'stop.requested': 'stopped' },
      states: {
        thread: {
          initial: 'listing',
          states: {
            /** Nothing is known yet. */
            listing: {
              tags: ['transient'],
              invoke: {
                id: 'list',
                src: 'list',
                input: asked,
                onDone: [
                  { guard: { type: 'listed', params: result }, target: 'watching', actions: noted() },
                  {
                    guard: { type: 'expiredFirst', params: result },
                    target: 'listing',
                    reenter: true,
                    actions: 'askForNewest',
                  },
                  { target: 'backingOff', actions: ['listNext', { type: 'countFailure', params: at }] },
                ],
                onError: { target: 'backingOff', actions: crashed() },
              },
              after: {
                listDeadline: { target: 'backingOff', actions: ['listNext', 'countCrash', 'reportSilence'] },
              },
            },
            /** The copy may be old (I1). */
            relisting: {
              tags: ['synced', 'transient'],
              invoke: {
                id: 'relist',
                src: 'list',
                input: asked,
                onDone: [
                  { guard: { type: 'listed', params: result }, target: 'watching', actions: noted() },
                  {
                    guard: { type: 'expiredFirst', params: result },
                    target: 'relisting',
                    reenter: true,
                    actions: 'askForNewest',
                  },
                  { target: 'backingOff', actions: ['listNext', { type: 'countFailure', params: at }] },
                ],
                onError: { target: 'backingOff', actions: crashed() },
              },
              after: {
                listDeadline: { target: 'backingOff', actions: ['listNext', 'countCrash', 'reportSilence'] },
              },
            },
            watching: {
              tags: ['synced', 'healthy'],
              invoke: {
                id: 'watch',
                src: 'watch',
                onDone: [
                  { guard: { type: 'ended', params: result }, target: 'watching', reenter: true },
                  {
                    guard: { type: 'busy', params: result },
                    target: 'backingOff',
                    actions: ['watchNext', { type: 'countFailure', params: at }],
                  },
                  { target: 'backingOff', actions: ['listNext', { type: 'countFailure', params: at }] },
                ],
                onError: { target: 'backingOff', actions: crashed() },
              },
              after: { watchDeadline: { target: 'watching', reenter: true, actions: 'reportSilence' } }, // I4
            },
            backingOff: {
              tags: ['degraded'],
              after: {
                backoff: [
                  { guard: 'watchNext', target: 'watching' },
                  { guard: 'synced', target: 'relisting' },
                  { target: 'listing' },
                ],
              },
            },
          },
        },
        rhythm: {
          tags: ['healthy'],
          initial: 'waiting',
          states: { waiting: { after: { resync: { target: 'waiting', reenter: true, actions: 'resync' } } } },
        },
      },
    },
    stopped: { type: 'final' },
  },
});

function asked({ context: { synced, newest, uncached } }: { context: Context }): Asked {
  const mode = newest ? 'newest' : synced ? 'since' : 'any';
  return { mode, paged: mode !== 'since' || uncached };
}

function result<T>({ event }: { event: { output: T } }): { outcome: T } {
  return { outcome: event.output };
}

function noted() {
  return { type: 'noteListed', params: uncachedOf } as const;
}

function uncachedOf({ event }: { event: { output: ListOutcome } }) {
  return { uncached: event.output.kind === 'listed' && event.output.uncached };
}

function at({ event }: { event: { output: ListOutcome | WatchOutcome } }): Failed {
  return { atMs: 'atMs' in event.output ? event.output.atMs : 0 };
}

function crashed() {
  return ['listNext', 'countCrash', { type: 'reportCrash', params: reasonOf }] as const;
}

function reasonOf({ event }: { event: { error: unknown } }) {
  return { reason: event.error instanceof Error ? event.error.message : String(event.error) };
}
