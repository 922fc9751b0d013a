/**
 * The life of the file that stands for GitLab when there is none (`spec/gitlab.md §9`): read it, notice changes, let them
 * settle, read it again. What was read belongs to the actor; here is only how the file fares.
 *
 * F1. A bad or missing file never takes away what is known: the last good one stays in force, and the file is watched on.
 * F2. A change that arrives while the file is being read is not lost: it is read once more.
 * F3. A file that never stops changing is read all the same, after a bounded number of prolongations.
 */
import { assign, fromCallback, fromPromise, setup } from 'xstate';

type Input = { readonly file: string };
type Context = Input & {
  /** Changed while it was being read. */
  readonly changedMeanwhile: boolean;
  readonly prolongations: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Why the file as it is now cannot be used; empty when it can. */
  readonly rejection: string;
};
type Event = { readonly type: 'file.changed' } | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string };
/** What became of the file's contents: in force now, or not, and in one line why not. */
export type DirectoryVerdict =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'rejected'; readonly reason: string };
type Read = { readonly file: string };

export const directoryFileDelays = {
  /** Quiet time after a change before the file is read. */
  settleMs: 100,
  readMs: 10_000,
} as const;
export const directoryFileLimits = { prolongationsMax: 20 } as const;

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`directoryFile: ${name} is not provided`);
};

export const directoryFileMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'ready',
  },
  actors: {
    read: fromPromise<DirectoryVerdict, Read>(notProvided('read')),
    /** Sends `file.changed` when the file is not the one that was read last; too often does no harm. */
    noticeChanges: fromCallback<Event, Read>(() => {}),
  },
  actions: {
    keepChange: assign({ changedMeanwhile: true }),
    forgetChange: assign({ changedMeanwhile: false, prolongations: 0 }),
    prolong: assign({ prolongations: ({ context }) => context.prolongations + 1 }),
    accept: assign({ accepted: ({ context }) => context.accepted + 1, rejection: '' }),
    reject: assign(({ context }, params: { reason: string }) => ({
      rejected: context.rejected + 1,
      rejection: params.reason,
    })),
  },
  guards: {
    changedMeanwhile: ({ context }) => context.changedMeanwhile,
    mayProlong: ({ context }) => context.prolongations < directoryFileLimits.prolongationsMax,
    accepted: (_, params: { verdict: DirectoryVerdict }) => params.verdict.kind === 'accepted',
  },
  delays: { settle: directoryFileDelays.settleMs, readDeadline: directoryFileDelays.readMs },
}).createMachine({
  id: 'directoryFile',
  description: 'The file that stands for GitLab: read, watched, read again when it changed.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    ...input,
    changedMeanwhile: false,
    prolongations: 0,
    accepted: 0,
    rejected: 0,
    rejection: '',
  }),
  initial: 'reading',
  output: ({ event }) => event.output as Output,
  invoke: {
    id: 'noticeChanges',
    src: 'noticeChanges',
    input: ({ context }) => ({ file: context.file }),
    onError: '.failed', // the supervisor starts it anew
  },
  on: { 'stop.requested': '.stopped' },
  states: {
    reading: {
      entry: 'forgetChange',
      invoke: {
        id: 'read',
        src: 'read',
        input: ({ context }) => ({ file: context.file }),
        onDone: [
          { guard: { type: 'accepted', params: outcome }, target: 'watching', actions: 'accept' },
          { target: 'rejected', actions: { type: 'reject', params: refusal } },
        ],
        onError: { target: 'rejected', actions: { type: 'reject', params: crash } },
      },
      after: {
        readDeadline: {
          target: 'rejected',
          actions: { type: 'reject', params: { reason: 'the file could not be read in time' } },
        },
      },
      on: { 'file.changed': { actions: 'keepChange' } }, // F2
    },
    watching: {
      description: 'The file as it is now is in force.',
      tags: ['ready'],
      always: { guard: 'changedMeanwhile', target: 'settling' },
      on: { 'file.changed': 'settling' },
    },
    rejected: {
      description: 'The file as it is now is not usable; the last good one is in force (F1).',
      tags: ['ready'],
      always: { guard: 'changedMeanwhile', target: 'settling' },
      on: { 'file.changed': 'settling' },
    },
    settling: {
      description: 'The file has changed; whoever writes it may not be done.',
      tags: ['ready'],
      after: { settle: 'reading' },
      on: { 'file.changed': { guard: 'mayProlong', target: 'settling', reenter: true, actions: 'prolong' } }, // F3
    },
    stopped: { type: 'final', output: { kind: 'stopped' } },
    failed: { type: 'final', output: ({ event }) => ({ kind: 'failed', reason: reasonOf(event) }) },
  },
});

function outcome({ event }: { event: { output: DirectoryVerdict } }) {
  return { verdict: event.output };
}

function refusal({ event }: { event: { output: DirectoryVerdict } }) {
  return { reason: event.output.kind === 'rejected' ? event.output.reason : '' };
}

function crash({ event }: { event: { error: unknown } }) {
  return { reason: reasonOf(event) };
}

function reasonOf(event: object): string {
  if (!('error' in event)) return '';
  return event.error instanceof Error ? event.error.message : String(event.error);
}
