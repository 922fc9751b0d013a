/**
 * kas side of a connection on the agent listener that has not said yet what it is: native HTTP/2, or HTTP/1.1 that asks for
 * a WebSocket (`spec/kas.md §3.7`). It ends when the stream belongs to an `agent-connection`, or when it has been answered.
 * Born per connection and stepped twice, in storms of thousands: flat, runs compiled (`src/supervisor/compile.ts`).
 *
 *   probing    the arrival reads the socket       upgrading, answered   the HTTP/1.1 exchange has it
 *
 * A1. No state lacks a deadline: a connection that says nothing, or half of something, is cut.
 * A2. Handed over means handed over: afterwards nothing here touches the socket.
 * A3. A stop lets nothing wait: what has not become a connection yet is cut, and comes again elsewhere.
 */
import { setup } from 'xstate';

export const arrivalTimes = {
  probeMs: 20_000,
  upgradeMs: 20_000,
  /** For the peer to read its answer and close. */
  answerMs: 5_000,
} as const;

type Input = { readonly arrivalId: string };
type Event =
  /** The first bytes are the HTTP/2 preface. */
  | { readonly type: 'preface.seen' }
  /** They are something else: HTTP/1.1, or nonsense. */
  | { readonly type: 'request.begun' }
  | { readonly type: 'upgrade.accepted' }
  | { readonly type: 'request.refused' }
  | { readonly type: 'connection.closed' }
  | { readonly type: 'stop.requested' };
type Output = {
  readonly kind: 'http2' | 'websocket' | 'refused' | 'silent' | 'unfinished' | 'gone' | 'stopped';
};
type Named = { readonly arrivalId: string };

const named = ({ context: { arrivalId } }: { context: Input }) => ({ arrivalId });

export const arrivalMachine = setup({
  types: { context: {} as Input, events: {} as Event, input: {} as Input, output: {} as Output },
  actions: {
    cut: (_, _params: Named) => {},
  },
  delays: {
    probeDeadline: arrivalTimes.probeMs,
    upgradeDeadline: arrivalTimes.upgradeMs,
    answerDeadline: arrivalTimes.answerMs,
  },
}).createMachine({
  id: 'arrival',
  description: 'kas side of a connection of an agent until it is known what it speaks.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input }),
  initial: 'probing',
  output: ({ event }) => event.output as Output,
  states: {
    probing: {
      tags: ['transient'],
      after: { probeDeadline: { target: 'silent', actions: { type: 'cut', params: named } } },
      on: {
        'preface.seen': 'http2',
        'request.begun': 'upgrading',
        'connection.closed': 'gone',
        'stop.requested': { target: 'stopped', actions: { type: 'cut', params: named } },
      },
    },
    upgrading: {
      tags: ['transient'],
      after: { upgradeDeadline: { target: 'unfinished', actions: { type: 'cut', params: named } } },
      on: {
        'upgrade.accepted': 'websocket',
        'request.refused': 'answered',
        'connection.closed': 'gone',
        'stop.requested': { target: 'stopped', actions: { type: 'cut', params: named } },
      },
    },
    answered: {
      tags: ['transient'],
      after: { answerDeadline: { target: 'refused', actions: { type: 'cut', params: named } } },
      on: {
        'connection.closed': 'refused',
        'stop.requested': { target: 'stopped', actions: { type: 'cut', params: named } },
      },
    },
    http2: { type: 'final', output: { kind: 'http2' } },
    websocket: { type: 'final', output: { kind: 'websocket' } },
    refused: { type: 'final', output: { kind: 'refused' } },
    silent: { type: 'final', output: { kind: 'silent' } },
    unfinished: { type: 'final', output: { kind: 'unfinished' } },
    gone: { type: 'final', output: { kind: 'gone' } },
    stopped: { type: 'final', output: { kind: 'stopped' } },
  },
});
