/**
 * The life of a process that `kastor start` runs: kas or agentk. Its supervisor starts a new one when it dies, so that the
 * demonstration survives a `kill -9` of either, as a cluster's kubelet or systemd would have it.
 *
 * P1. A stop asks first (SIGTERM) and kills after `stopGrace`.
 * P2. Exits are told with their code and signal; the supervisor decides what they mean.
 */
import { assign, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Input = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly stopGraceMs: number;
};
type Context = Input & { readonly code: number | null; readonly signal: string | null };
type Event =
  | { readonly type: 'process.started'; readonly pid: number }
  | { readonly type: 'process.failed'; readonly reason: string }
  | { readonly type: 'process.exited'; readonly code: number | null; readonly signal: string | null }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'exited'; readonly code: number | null; readonly signal: string | null };

export const childProcessMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'ready' | Tone,
  },
  actions: {
    spawn: (_, _params: Input) => {},
    tell: (_, _params: { name: string; reason: string }) => {},
    signal: (_, _params: { name: string; signal: 'SIGTERM' | 'SIGKILL' }) => {},
    keepExit: assign((_, params: { code: number | null; signal: string | null }) => params),
  },
  delays: { stopGrace: ({ context }) => context.stopGraceMs },
}).createMachine({
  id: 'childProcess',
  description: 'A process run by `kastor start`: spawned, running, asked to stop, killed, exited.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, code: null, signal: null }),
  initial: 'spawning',
  output: ({ context }) => ({ kind: 'exited', code: context.code, signal: context.signal }),
  on: {
    'process.exited': {
      target: '.exited',
      actions: { type: 'keepExit', params: ({ event: { code, signal } }) => ({ code, signal }) },
    },
  },
  states: {
    spawning: {
      tags: ['transient'],
      entry: { type: 'spawn', params: ({ context }) => context },
      on: {
        'process.started': 'running',
        'process.failed': {
          target: 'exited',
          actions: {
            type: 'tell',
            params: ({ context, event }) => ({ name: context.name, reason: event.reason }),
          },
        },
        'stop.requested': 'stopping',
      },
    },
    running: { tags: ['ready', 'healthy'], on: { 'stop.requested': 'stopping' } },
    stopping: {
      tags: ['transient'],
      entry: { type: 'signal', params: ({ context }) => ({ name: context.name, signal: 'SIGTERM' }) },
      after: { stopGrace: 'killing' },
      on: { 'stop.requested': 'killing' },
    },
    killing: {
      tags: ['degraded'],
      entry: { type: 'signal', params: ({ context }) => ({ name: context.name, signal: 'SIGKILL' }) },
      on: { 'stop.requested': {} },
    },
    exited: { type: 'final' },
  },
});
