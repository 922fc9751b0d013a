/**
 * agentk's stream of one manifest project (`GetObjectsToSynchronize`, `spec/agentk.md §5.2`): open it with the last commit received,
 * take one whole commit, open it again. The stream lives in the actor's resource by number.
 *
 * W1. A commit is remembered only when all of it has come: header, objects, trailer.
 * W2. No answer and an error change nothing: what was received last goes on being applied.
 * W3. After a commit, and after an end without news, the stream is opened again at once; ends right after the beginning
 *     that brought nothing count as failures.
 * W4. Of a pinned commit there is nothing more to hear once it has come.
 */
import { assign, fromCallback, setup } from 'xstate';
import type { Tone } from './tone.ts';

/** `receivedLast`: the one commit that was wanted has come. */
export type ManifestVerdict = 'received' | 'receivedLast' | 'finished' | 'failed' | 'lost';

type Input = { readonly watchId: string };
type Context = Input & {
  readonly commitId: string;
  readonly incarnation: number;
  readonly stream: number;
  readonly failures: number;
  readonly failedAtMs: number;
};
type Ended = {
  readonly stream: number;
  readonly verdict: ManifestVerdict;
  /** The commit received; empty for every other verdict. */
  readonly commitId: string;
  /** Monotonic time of the end. */
  readonly atMs: number;
  readonly livedMs: number;
};
type Event =
  | { readonly type: 'link.restored'; readonly incarnation: number }
  | ({ readonly type: 'stream.ended' } & Ended)
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };

/** `spec/agentk.md §10`, gitops. */
export const manifestWatchDelays = {
  hastyMs: 1_000,
  backoffInitMs: 10_000,
  backoffMsMax: 300_000,
  backoffJitter: 1,
  backoffResetMs: 600_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function manifestWatchBackoffMs(failures: number): number {
  const { backoffInitMs, backoffMsMax } = manifestWatchDelays;
  return Math.min(backoffInitMs * 2 ** Math.min(Math.max(failures - 1, 0), 8), backoffMsMax);
}

export const manifestWatchMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as Tone,
  },
  // Sends `link.restored` for each connection that comes up, and owns the stream: ended with the actor.
  actors: { link: fromCallback<{ type: string }, { watchId: string }>(() => undefined) },
  actions: {
    takeIncarnation: assign((_, params: { incarnation: number }) => ({ incarnation: params.incarnation })),
    nextStream: assign({ stream: ({ context }) => context.stream + 1 }),
    remember: assign((_, { commitId }: Ended) => ({ commitId, failures: 0 })),
    countFailure: assign(({ context }, { atMs }: Ended) => ({
      failures: atMs - context.failedAtMs > manifestWatchDelays.backoffResetMs ? 1 : context.failures + 1,
      failedAtMs: atMs,
    })),
    /** Answers with `link.restored` when the link is up now; later restorations come by themselves. */
    awaitLink: () => {},
    openStream: (
      _,
      _params: { watchId: string; stream: number; incarnation: number; commitId: string },
    ) => {},
  },
  guards: {
    current: ({ context }, { stream }: Ended) => stream === context.stream,
    received: ({ context }, { stream, verdict }: Ended) =>
      stream === context.stream && verdict === 'received',
    receivedLast: ({ context }, { stream, verdict }: Ended) =>
      stream === context.stream && verdict === 'receivedLast',
    failed: ({ context }, { stream, verdict, livedMs }: Ended) =>
      stream === context.stream &&
      (verdict === 'failed' || (verdict === 'finished' && livedMs < manifestWatchDelays.hastyMs)),
  },
  delays: {
    // The actor provides it with jitter.
    backoff: ({ context }) => manifestWatchBackoffMs(context.failures),
  },
}).createMachine({
  id: 'manifestWatch',
  description: "agentk's stream of one manifest project from kas.",
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    ...input,
    commitId: '',
    incarnation: 0,
    stream: 0,
    failures: 0,
    failedAtMs: 0,
  }),
  initial: 'waitingForLink',
  output: { kind: 'stopped' },
  invoke: {
    id: 'link',
    src: 'link',
    input: ({ context }) => ({ watchId: context.watchId }),
    onError: '.stopped',
  },
  on: { 'stop.requested': '.stopped' },
  states: {
    waitingForLink: {
      tags: ['transient'],
      entry: 'awaitLink',
      on: {
        'link.restored': {
          target: 'streaming',
          actions: [
            { type: 'takeIncarnation', params: ({ event }) => ({ incarnation: event.incarnation }) },
            'nextStream',
          ],
        },
      },
    },
    streaming: {
      tags: ['healthy'],
      entry: {
        type: 'openStream',
        params: ({ context: { watchId, stream, incarnation, commitId } }) => ({
          watchId,
          stream,
          incarnation,
          commitId,
        }),
      },
      on: {
        'stream.ended': [
          {
            guard: { type: 'receivedLast', params: ended },
            target: 'settled',
            actions: { type: 'remember', params: ended },
          },
          {
            guard: { type: 'received', params: ended },
            target: 'waitingForLink',
            actions: { type: 'remember', params: ended },
          },
          {
            guard: { type: 'failed', params: ended },
            target: 'backingOff',
            actions: { type: 'countFailure', params: ended },
          },
          { guard: { type: 'current', params: ended }, target: 'waitingForLink' },
        ],
      },
    },
    settled: { tags: ['healthy'], description: 'The one commit wanted has come.' },
    backingOff: { tags: ['degraded'], after: { backoff: 'waitingForLink' } },
    stopped: { type: 'final' },
  },
});

function ended({ event: { stream, verdict, commitId, atMs, livedMs } }: { event: Ended }): Ended {
  return { stream, verdict, commitId, atMs, livedMs };
}
