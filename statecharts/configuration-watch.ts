/**
 * agentk's configuration stream (`GetConfiguration`, `spec/agentk.md §3.1`): open it with the last commit processed, hand
 * each configuration to the modules, open it again when it ends. The stream lives in the actor's resource by number.
 *
 * G1. A commit is remembered only when its configuration was processed; what was refused is not remembered.
 * G2. No answer is not an empty configuration: the modules keep what they have while the stream is away.
 * G3. After a normal end the stream is opened again at once, but ends right after the beginning count as failures.
 * G4. An agent that became another one (id or GitLab URL changed) cannot go on: the verdict is `identityChanged`, and the
 *     daemon restarts (`spec/agentk.md §11` no. 4).
 */
import { assign, fromCallback, setup } from 'xstate';

export type ConfigurationVerdict = 'finished' | 'failed' | 'lost';

type Input = { readonly watchId: string };
type Context = Input & {
  readonly commitId: string;
  readonly incarnation: number;
  readonly stream: number;
  readonly failures: number;
  readonly failedAtMs: number;
  readonly reason: string;
};
type Ended = {
  readonly stream: number;
  readonly verdict: ConfigurationVerdict;
  /** Monotonic time of the end. */
  readonly atMs: number;
  readonly livedMs: number;
};
type Event =
  | { readonly type: 'link.restored'; readonly incarnation: number }
  | { readonly type: 'configuration.processed'; readonly stream: number; readonly commitId: string }
  | { readonly type: 'identity.changed'; readonly stream: number; readonly reason: string }
  | ({ readonly type: 'stream.ended' } & Ended)
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' } | { readonly kind: 'identityChanged'; readonly reason: string };

/** `spec/wire.md §12`. */
export const configurationWatchDelays = {
  hastyMs: 1_000,
  backoffInitMs: 10_000,
  backoffFactor: 2,
  backoffMsMax: 300_000,
  backoffJitter: 1,
  backoffResetMs: 600_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function configurationBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = configurationWatchDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 8), backoffMsMax);
}

export const configurationWatchMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  // Sends `link.restored` for each connection that comes up, and owns the stream: ended with the actor.
  actors: { link: fromCallback(() => undefined) },
  actions: {
    takeIncarnation: assign((_, params: { incarnation: number }) => ({ incarnation: params.incarnation })),
    nextStream: assign({ stream: ({ context }) => context.stream + 1 }),
    remember: assign((_, params: { commitId: string }) => ({ commitId: params.commitId })),
    keepReason: assign((_, params: { reason: string }) => ({ reason: params.reason })),
    countFailure: assign(({ context }, { atMs }: Ended) => ({
      failures:
        atMs - context.failedAtMs > configurationWatchDelays.backoffResetMs ? 1 : context.failures + 1,
      failedAtMs: atMs,
    })),
    /** Answers with `link.restored` when the link is up now; later restorations come by themselves. */
    awaitLink: () => {},
    openStream: (_, _params: { stream: number; incarnation: number; commitId: string }) => {},
    reportReplaced: (_, _params: { reason: string }) => {},
  },
  guards: {
    current: ({ context }, { stream }: { stream: number }) => stream === context.stream,
    failed: ({ context }, { stream, verdict, livedMs }: Ended) =>
      stream === context.stream &&
      (verdict === 'failed' || (verdict === 'finished' && livedMs < configurationWatchDelays.hastyMs)),
  },
  delays: {
    // The actor provides it with jitter.
    backoff: ({ context }) => configurationBackoffMs(context.failures),
  },
}).createMachine({
  id: 'configurationWatch',
  description: "agentk's configuration stream from kas.",
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    ...input,
    commitId: '',
    incarnation: 0,
    stream: 0,
    failures: 0,
    failedAtMs: 0,
    reason: '',
  }),
  initial: 'waitingForLink',
  output: ({ event }) => event.output as Output,
  invoke: { id: 'link', src: 'link', onError: '.stopped' },
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
        params: ({ context: { stream, incarnation, commitId } }) => ({ stream, incarnation, commitId }),
      },
      on: {
        'configuration.processed': {
          guard: { type: 'current', params: theirs },
          actions: { type: 'remember', params: ({ event }) => ({ commitId: event.commitId }) },
        },
        'identity.changed': {
          guard: { type: 'current', params: theirs },
          target: 'replaced',
          actions: [
            { type: 'keepReason', params: why },
            { type: 'reportReplaced', params: why },
          ],
        },
        'stream.ended': [
          {
            guard: { type: 'failed', params: ended },
            target: 'backingOff',
            actions: { type: 'countFailure', params: ended },
          },
          { guard: { type: 'current', params: theirs }, target: 'waitingForLink' },
        ],
      },
    },
    backingOff: { tags: ['degraded'], after: { backoff: 'waitingForLink' } },
    replaced: {
      type: 'final',
      output: ({ context }) => ({ kind: 'identityChanged', reason: context.reason }),
    },
    stopped: { type: 'final', output: { kind: 'stopped' } },
  },
});

function theirs({ event }: { event: { readonly stream: number } }) {
  return { stream: event.stream };
}

function ended({ event: { stream, verdict, atMs, livedMs } }: { event: Ended }): Ended {
  return { stream, verdict, atMs, livedMs };
}

function why({ event }: { event: { readonly reason: string } }) {
  return { reason: event.reason };
}
