/**
 * agentk side of one reverse tunnel: a `Connect` stream that waits for a request of kas, serves it, and waits again, on
 * the same stream when kas reuses tunnels, else on a new one (`spec/wire.md §6.5`). One actor per tunnel; the stream
 * lives in the actor's resource under (tunnel, stream number). Runs compiled, so it is flat (`src/supervisor/compile.ts`).
 *
 * T1. An event of an older stream never moves the tunnel.
 * T2. After OK, CANCELED and DEADLINE_EXCEEDED a new stream is opened at once, but streams that keep ending right after
 *     they began count as failures: a kas that always says OK is no busy loop.
 * T3. A lost link is the link's to mend: the tunnel waits for it without a backoff of its own.
 * T4. A request that runs is finished before a stop; an idle stream is ended at once.
 * T5. Whether a surplus tunnel may go is the pool's decision: the tunnel offers, the pool answers or stays silent. An
 *     idle stream is given up only towards a kas known to reuse, which takes the half-close out of its routing.
 */
import { assign, setup } from 'xstate';

/** How a stream ended, as far as the tunnel's life depends on it. */
export type StreamVerdict =
  /** A request was carried to its end. */
  | 'served'
  /** kas ended it without a request, or with CANCELED or DEADLINE_EXCEEDED. */
  | 'again'
  | 'failed'
  /** The connection under it is gone. */
  | 'lost';

type Input = { readonly tunnelId: string };
type Context = Input & {
  readonly incarnation: number;
  /** Counts the streams this tunnel opened; names the current one. */
  readonly stream: number;
  readonly failures: number;
  readonly failedAtMs: number;
  /** Streams in a row that ended right after they began. */
  readonly hasty: number;
  readonly busyAtMs: number | undefined;
};
type Ended = {
  readonly stream: number;
  readonly verdict: StreamVerdict;
  /** Monotonic time of the end. */
  readonly atMs: number;
  readonly livedMs: number;
};
type Event =
  | { readonly type: 'link.restored'; readonly incarnation: number }
  | { readonly type: 'request.arrived'; readonly stream: number }
  /** The exchange is over, and the stream offers itself again (reuse). */
  | { readonly type: 'request.finished'; readonly stream: number; readonly atMs: number }
  | ({ readonly type: 'stream.ended' } & Ended)
  | { readonly type: 'retire.requested' }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'retired' } | { readonly kind: 'stopped' };
type Named = { readonly tunnelId: string };
type Stream = Named & { readonly stream: number };

export const tunnelClientDelays = {
  idleMsMax: 60_000,
  retireMs: 10_000,
  hastyMs: 1_000,
  hastyMax: 3,
  backoffInitMs: 1_000,
  backoffFactor: 1.6,
  backoffMsMax: 20_000,
  backoffJitter: 0.2,
  backoffResetMs: 25_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function tunnelBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = tunnelClientDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 16), backoffMsMax);
}

export const tunnelClientMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actions: {
    takeIncarnation: assign((_, params: { incarnation: number }) => ({ incarnation: params.incarnation })),
    nextStream: assign({ stream: ({ context }) => context.stream + 1 }),
    countEnd: assign(({ context }, { verdict, livedMs }: Ended) => ({
      hasty: verdict === 'again' && livedMs < tunnelClientDelays.hastyMs ? context.hasty + 1 : 0,
    })),
    countFailure: assign(({ context }, { atMs }: Ended) => ({
      failures: atMs - context.failedAtMs > tunnelClientDelays.backoffResetMs ? 1 : context.failures + 1,
      failedAtMs: atMs,
    })),
    noteBusy: assign((_, params: { atMs: number }) => ({ busyAtMs: params.atMs })),
    /** Answers with `link.restored` when the link is up now; later restorations come by themselves. */
    awaitLink: (_, _params: Named) => {},
    openStream: (_, _params: Stream & { incarnation: number }) => {},
    halfCloseStream: (_, _params: Stream) => {},
    abortStream: (_, _params: Stream) => {},
    /** The stream is not offered again after its request. */
    sealStream: (_, _params: Stream) => {},
    reportBusy: (_, _params: Named) => {},
    reportIdle: (_, _params: Named) => {},
    offerSurplus: (_, _params: Named) => {},
    reportKept: (_, _params: Named) => {},
  },
  guards: {
    current: ({ context }, { stream }: { stream: number }) => stream === context.stream,
    failed: ({ context }, { stream, verdict, livedMs }: Ended) =>
      stream === context.stream &&
      (verdict === 'failed' ||
        (verdict === 'again' &&
          livedMs < tunnelClientDelays.hastyMs &&
          context.hasty >= tunnelClientDelays.hastyMax)),
    cold: ({ context }, { stream, atMs }: Ended) =>
      stream === context.stream &&
      (context.busyAtMs === undefined || atMs - context.busyAtMs > tunnelClientDelays.idleMsMax),
    kasReuses: (_, _params: { incarnation: number }) => false,
  },
  delays: {
    idleLimit: tunnelClientDelays.idleMsMax,
    retireDeadline: tunnelClientDelays.retireMs,
    // The actor provides it with jitter.
    backoff: ({ context }) => tunnelBackoffMs(context.failures),
  },
}).createMachine({
  id: 'tunnelClient',
  description: 'agentk side of one reverse tunnel: wait for a request, serve it, wait again.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    ...input,
    incarnation: 0,
    stream: 0,
    failures: 0,
    failedAtMs: 0,
    hasty: 0,
    busyAtMs: undefined,
  }),
  initial: 'waitingForLink',
  output: ({ event }) => event.output as Output,
  states: {
    waitingForLink: {
      tags: ['transient'],
      entry: { type: 'awaitLink', params: named },
      on: {
        'link.restored': {
          target: 'idle',
          actions: [
            { type: 'takeIncarnation', params: ({ event }) => ({ incarnation: event.incarnation }) },
            'nextStream',
            { type: 'openStream', params: opening },
          ],
        },
        'retire.requested': 'retired',
        'stop.requested': 'stopped',
      },
    },
    idle: {
      tags: ['healthy'],
      after: {
        idleLimit: [
          {
            guard: { type: 'kasReuses', params: ({ context }) => ({ incarnation: context.incarnation }) },
            target: 'idle',
            reenter: true,
            actions: { type: 'offerSurplus', params: named },
          },
          { target: 'idle', reenter: true },
        ],
      },
      on: {
        'request.arrived': {
          guard: { type: 'current', params: theirs },
          target: 'busy',
          actions: { type: 'reportBusy', params: named },
        },
        'stream.ended': [
          {
            guard: { type: 'failed', params: ended },
            target: 'backingOff',
            actions: { type: 'countFailure', params: ended },
          },
          {
            guard: { type: 'cold', params: ended },
            target: 'waitingForLink',
            actions: [
              { type: 'countEnd', params: ended },
              { type: 'offerSurplus', params: named },
            ],
          },
          {
            guard: { type: 'current', params: theirs },
            target: 'waitingForLink',
            actions: { type: 'countEnd', params: ended },
          },
        ],
        'retire.requested': 'retiring',
        'stop.requested': { target: 'stopped', actions: { type: 'abortStream', params: own } },
      },
    },
    busy: {
      tags: ['healthy'],
      on: {
        'request.finished': {
          guard: { type: 'current', params: theirs },
          target: 'idle',
          actions: [
            { type: 'noteBusy', params: ({ event }) => ({ atMs: event.atMs }) },
            { type: 'reportIdle', params: named },
          ],
        },
        'stream.ended': [
          {
            guard: { type: 'failed', params: ended },
            target: 'backingOff',
            actions: [
              { type: 'noteBusy', params: ended },
              { type: 'countFailure', params: ended },
              { type: 'reportIdle', params: named },
            ],
          },
          {
            guard: { type: 'current', params: theirs },
            target: 'waitingForLink',
            actions: [
              { type: 'noteBusy', params: ended },
              { type: 'countEnd', params: ended },
              { type: 'reportIdle', params: named },
            ],
          },
        ],
        // The pool's leave crossed with a request: the tunnel stays, and says so.
        'retire.requested': { actions: { type: 'reportKept', params: named } },
        'stop.requested': 'finishing',
      },
    },
    backingOff: {
      tags: ['down'],
      after: { backoff: 'waitingForLink' },
      on: { 'retire.requested': 'retired', 'stop.requested': 'stopped' },
    },
    /** Half-closed towards kas; a request that crossed on the way is aborted, nothing of it was executed. */
    retiring: {
      tags: ['transient'],
      entry: { type: 'halfCloseStream', params: own },
      after: { retireDeadline: { target: 'retired', actions: { type: 'abortStream', params: own } } },
      on: {
        'request.arrived': {
          guard: { type: 'current', params: theirs },
          target: 'retired',
          actions: { type: 'abortStream', params: own },
        },
        'stream.ended': { guard: { type: 'current', params: theirs }, target: 'retired' },
        'stop.requested': { target: 'stopped', actions: { type: 'abortStream', params: own } },
      },
    },
    /** Stopping with a request under way (T4); the supervisor's budget bounds it. */
    finishing: {
      tags: ['transient'],
      entry: { type: 'sealStream', params: own },
      on: {
        'request.finished': {
          guard: { type: 'current', params: theirs },
          target: 'stopped',
          actions: { type: 'abortStream', params: own },
        },
        'stream.ended': { guard: { type: 'current', params: theirs }, target: 'stopped' },
        'stop.requested': {},
      },
    },
    retired: { type: 'final', output: { kind: 'retired' } },
    stopped: { type: 'final', output: { kind: 'stopped' } },
  },
});

function named({ context }: { context: Context }): Named {
  return { tunnelId: context.tunnelId };
}

function own({ context }: { context: Context }): Stream {
  return { tunnelId: context.tunnelId, stream: context.stream };
}

function opening({ context }: { context: Context }): Stream & { incarnation: number } {
  return { tunnelId: context.tunnelId, stream: context.stream, incarnation: context.incarnation };
}

function theirs({ event }: { event: { readonly stream: number } }) {
  return { stream: event.stream };
}

function ended({ event: { stream, verdict, atMs, livedMs } }: { event: Ended }): Ended {
  return { stream, verdict, atMs, livedMs };
}
