/**
 * The life of one agentk module (`spec/agentk.md §3.2`): it runs while the configuration wants it, and is started again
 * after a failure. What a module does is its own; here is only whether it runs. The configuration itself stays with the
 * actor, which hands the newest one to the module when it starts and whenever it changes while running.
 *
 * M1. A configuration that arrives in any state is kept; the newest wins (`spec/agentk.md §11` no. 3).
 * M2. A failing module is restarted with growing waits and harms no other module; the original ends the process.
 * M3. A start and a stop have a deadline: what hangs is abandoned and reported.
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Input = {
  readonly name: string;
  /** Whether it runs before any configuration came. */
  readonly wanted: boolean;
};
type Context = Input & { readonly failures: number };
type Event =
  | { readonly type: 'configuration.changed'; readonly wanted: boolean }
  | { readonly type: 'module.failed'; readonly reason: string }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };
type Named = { readonly name: string };

export const moduleDelays = {
  startMs: 30_000,
  stopMs: 20_000,
  provenMs: 60_000,
  backoffInitMs: 1_000,
  backoffFactor: 2,
  backoffMsMax: 300_000,
  backoffJitter: 1,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function moduleBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = moduleDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 16), backoffMsMax);
}

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`module: ${name} is not provided`);
};

export const moduleMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'ready' | Tone,
  },
  actors: {
    startModule: fromPromise<void, Named>(notProvided('startModule')),
    stopModule: fromPromise<void, Named>(notProvided('stopModule')),
  },
  actions: {
    keepWanted: assign((_, params: { wanted: boolean }) => ({ wanted: params.wanted })),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgiveFailures: assign({ failures: 0 }),
    configure: (_, _params: Named) => {},
    reportFailure: (_, _params: Named & { reason: string }) => {},
  },
  guards: {
    wanted: ({ context }) => context.wanted,
    unwanted: ({ context }) => !context.wanted,
    wantedNow: (_, params: { wanted: boolean }) => params.wanted,
  },
  delays: {
    startDeadline: moduleDelays.startMs,
    stopDeadline: moduleDelays.stopMs,
    proven: moduleDelays.provenMs,
    // The actor provides it with jitter.
    backoff: ({ context }) => moduleBackoffMs(context.failures),
  },
}).createMachine({
  id: 'module',
  description: 'The life of one agentk module: it runs while the configuration wants it.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, failures: 0 }),
  initial: 'resting',
  output: { kind: 'stopped' },
  states: {
    resting: {
      tags: ['ready', 'healthy'],
      always: { guard: 'wanted', target: 'starting' },
      on: {
        'configuration.changed': { actions: { type: 'keepWanted', params: wish } },
        'stop.requested': 'stopped',
      },
    },
    starting: {
      tags: ['transient'],
      invoke: {
        id: 'startModule',
        src: 'startModule',
        input: named,
        onDone: 'running',
        onError: {
          target: 'restarting',
          actions: { type: 'reportFailure', params: ({ context, event }) => crash(context, event.error) },
        },
      },
      after: {
        startDeadline: {
          target: 'restarting',
          actions: {
            type: 'reportFailure',
            params: ({ context }) => ({ name: context.name, reason: 'the module did not start in time' }),
          },
        },
      },
      on: {
        'configuration.changed': { actions: { type: 'keepWanted', params: wish } },
        'module.failed': { target: 'restarting', actions: { type: 'reportFailure', params: failure } },
        'stop.requested': 'stopping',
      },
    },
    running: {
      tags: ['ready', 'healthy'],
      always: { guard: 'unwanted', target: 'unloading' },
      entry: { type: 'configure', params: named },
      after: { proven: { actions: 'forgiveFailures' } },
      on: {
        'configuration.changed': [
          {
            guard: { type: 'wantedNow', params: wish },
            actions: [
              { type: 'keepWanted', params: wish },
              { type: 'configure', params: named },
            ],
          },
          { actions: { type: 'keepWanted', params: wish } },
        ],
        'module.failed': { target: 'restarting', actions: { type: 'reportFailure', params: failure } },
        'stop.requested': 'stopping',
      },
    },
    restarting: {
      tags: ['down'],
      entry: 'countFailure',
      invoke: { id: 'stopModule', src: 'stopModule', input: named, onDone: {}, onError: {} },
      after: { backoff: 'resting' },
      on: {
        'configuration.changed': { actions: { type: 'keepWanted', params: wish } },
        'stop.requested': 'stopping',
      },
    },
    /** No longer wanted. */
    unloading: {
      tags: ['transient'],
      invoke: { id: 'stopModule', src: 'stopModule', input: named, onDone: 'resting', onError: 'resting' },
      after: { stopDeadline: 'resting' },
      on: {
        'configuration.changed': { actions: { type: 'keepWanted', params: wish } },
        'stop.requested': 'stopping',
      },
    },
    stopping: {
      tags: ['transient'],
      invoke: { id: 'stopModule', src: 'stopModule', input: named, onDone: 'stopped', onError: 'stopped' },
      after: { stopDeadline: 'stopped' },
      on: { 'stop.requested': {} },
    },
    stopped: { type: 'final' },
  },
});

function named({ context }: { context: Context }): Named {
  return { name: context.name };
}

function wish({ event }: { event: { readonly wanted: boolean } }) {
  return { wanted: event.wanted };
}

function failure({ context, event }: { context: Context; event: { readonly reason: string } }) {
  return { name: context.name, reason: event.reason };
}

function crash(context: Context, error: unknown) {
  return { name: context.name, reason: error instanceof Error ? error.message : String(error) };
}
