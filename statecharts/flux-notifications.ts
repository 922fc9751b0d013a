/**
 * agentk's stream of pushes for Flux (`ReconcileProjects`, `spec/agentk.md §6.1`): opened with the projects that Receivers name,
 * opened anew when these have changed, and when it ends. The stream lives in the actor's resource by number.
 *
 * N1. Changes of the projects are gathered for a while; the old stream goes on meanwhile.
 * N2. After a normal end the stream is opened again at once, but ends right after the beginning count as failures.
 * N3. A lost push is made good by Flux's own interval: nothing is repeated here.
 */
import { assign, fromCallback, setup } from 'xstate';

export type NotificationVerdict = 'finished' | 'failed' | 'lost';

type Input = { readonly streamId: string };
type Context = Input & {
  readonly incarnation: number;
  readonly stream: number;
  readonly failures: number;
  readonly failedAtMs: number;
};
type Ended = {
  readonly stream: number;
  readonly verdict: NotificationVerdict;
  /** Monotonic time of the end. */
  readonly atMs: number;
  readonly livedMs: number;
};
type Event =
  | { readonly type: 'link.restored'; readonly incarnation: number }
  | { readonly type: 'projects.changed' }
  | ({ readonly type: 'stream.ended' } & Ended)
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };

/** `spec/wire.md §12`. */
export const fluxNotificationsDelays = {
  gatherMs: 10_000,
  hastyMs: 1_000,
  backoffInitMs: 10_000,
  backoffFactor: 2,
  backoffMsMax: 300_000,
  backoffJitter: 1,
  backoffResetMs: 600_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function fluxBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = fluxNotificationsDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 8), backoffMsMax);
}

export const fluxNotificationsMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  // Sends `link.restored` for each connection that comes up, and owns the stream: ended with the actor.
  actors: { link: fromCallback(() => undefined) },
  actions: {
    takeLink: assign(({ context }, params: { incarnation: number }) => ({
      incarnation: params.incarnation,
      stream: context.stream + 1,
    })),
    nextStream: assign({ stream: ({ context }) => context.stream + 1 }),
    countFailure: assign(({ context }, { atMs }: Ended) => ({
      failures: atMs - context.failedAtMs > fluxNotificationsDelays.backoffResetMs ? 1 : context.failures + 1,
      failedAtMs: atMs,
    })),
    /** Answers with `link.restored` when the link is up now; later restorations come by themselves. */
    awaitLink: () => {},
    openStream: (_, _params: { stream: number; incarnation: number }) => {},
  },
  guards: {
    current: ({ context }, { stream }: { stream: number }) => stream === context.stream,
    failed: ({ context }, { stream, verdict, livedMs }: Ended) =>
      stream === context.stream &&
      (verdict === 'failed' || (verdict === 'finished' && livedMs < fluxNotificationsDelays.hastyMs)),
  },
  delays: {
    gathered: fluxNotificationsDelays.gatherMs,
    // The actor provides it with jitter.
    backoff: ({ context }) => fluxBackoffMs(context.failures),
  },
}).createMachine({
  id: 'fluxNotifications',
  description: "agentk's stream of pushes for Flux.",
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, incarnation: 0, stream: 0, failures: 0, failedAtMs: 0 }),
  initial: 'gathering',
  output: { kind: 'stopped' },
  invoke: { id: 'link', src: 'link', onError: '.stopped' },
  on: { 'stop.requested': '.stopped' },
  states: {
    gathering: { tags: ['transient'], after: { gathered: 'waitingForLink' } },
    waitingForLink: {
      tags: ['transient'],
      entry: 'awaitLink',
      on: {
        'link.restored': {
          target: 'streaming',
          actions: { type: 'takeLink', params: ({ event }) => ({ incarnation: event.incarnation }) },
        },
      },
    },
    streaming: {
      tags: ['healthy'],
      entry: {
        type: 'openStream',
        params: ({ context: { stream, incarnation } }) => ({ stream, incarnation }),
      },
      initial: 'steady',
      on: {
        'stream.ended': [
          {
            guard: { type: 'failed', params: ended },
            target: 'backingOff',
            actions: { type: 'countFailure', params: ended },
          },
          {
            guard: { type: 'current', params: ({ event }) => ({ stream: event.stream }) },
            target: 'waitingForLink',
          },
        ],
      },
      states: {
        steady: { on: { 'projects.changed': 'changing' } },
        /** N1. */
        changing: {
          after: {
            gathered: { target: '#fluxNotifications.streaming', reenter: true, actions: 'nextStream' },
          },
        },
      },
    },
    backingOff: { tags: ['degraded'], after: { backoff: 'waitingForLink' } },
    stopped: { type: 'final' },
  },
});

function ended({ event: { stream, verdict, atMs, livedMs } }: { event: Ended }): Ended {
  return { stream, verdict, atMs, livedMs };
}
