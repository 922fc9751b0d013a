/**
 * The life of files that take effect again when they change: a certificate and its key, a secret, the file that stands for
 * GitLab when there is none (`spec/gitlab.md §9`). Read them, notice changes, let them settle, read them again. Several
 * files are those that only make sense together. What was read belongs to the actor; here is only how the files fare.
 *
 * F1. Bad or missing files never take away what is known: the last good ones stay in force, and they are watched on.
 * F2. A change that arrives while they are being read is not lost: they are read once more.
 * F3. Files that never stop changing are read all the same, after a bounded number of prolongations.
 */
import { assign, fromCallback, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

/** `name` says which files, to whoever reads them. */
type Input = { readonly name: string };
type Context = Input & {
  /** Changed while they were being read. */
  readonly changedMeanwhile: boolean;
  readonly prolongations: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Why the files as they are now cannot be used; empty when they can. */
  readonly rejection: string;
};
type Event = { readonly type: 'files.changed' } | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string };
/** What became of the contents: in force now, or not, and in one line why not. */
export type FilesVerdict =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'rejected'; readonly reason: string };
type Named = { readonly name: string };

export const watchedFilesDelays = {
  /** Quiet time after a change before they are read. */
  settleMs: 100,
  readMs: 10_000,
} as const;
export const watchedFilesLimits = { prolongationsMax: 20 } as const;

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`watchedFiles: ${name} is not provided`);
};

export const watchedFilesMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'ready' | Tone,
  },
  actors: {
    read: fromPromise<FilesVerdict, Named>(notProvided('read')),
    /** Sends `files.changed` when they are not those that were read last; too often does no harm. */
    noticeChanges: fromCallback<Event, Named>(() => {}),
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
    mayProlong: ({ context }) => context.prolongations < watchedFilesLimits.prolongationsMax,
    accepted: (_, params: { verdict: FilesVerdict }) => params.verdict.kind === 'accepted',
  },
  delays: { settle: watchedFilesDelays.settleMs, readDeadline: watchedFilesDelays.readMs },
}).createMachine({
  id: 'watchedFiles',
  description: 'Files that take effect again when they change: read, watched, read again.',
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
    input: ({ context }) => ({ name: context.name }),
    onError: '.failed', // the supervisor starts this anew
  },
  on: { 'stop.requested': '.stopped' },
  states: {
    reading: {
      tags: ['transient'],
      entry: 'forgetChange',
      invoke: {
        id: 'read',
        src: 'read',
        input: ({ context }) => ({ name: context.name }),
        onDone: [
          { guard: { type: 'accepted', params: outcome }, target: 'watching', actions: 'accept' },
          { target: 'rejected', actions: { type: 'reject', params: refusal } },
        ],
        onError: { target: 'rejected', actions: { type: 'reject', params: crash } },
      },
      after: {
        readDeadline: {
          target: 'rejected',
          actions: { type: 'reject', params: { reason: 'could not be read in time' } },
        },
      },
      on: { 'files.changed': { actions: 'keepChange' } }, // F2
    },
    watching: {
      description: 'The files as they are now are in force.',
      tags: ['ready', 'healthy'],
      always: { guard: 'changedMeanwhile', target: 'settling' },
      on: { 'files.changed': 'settling' },
    },
    rejected: {
      description: 'The files as they are now are not usable; the last good ones are in force (F1).',
      tags: ['ready', 'degraded'],
      always: { guard: 'changedMeanwhile', target: 'settling' },
      on: { 'files.changed': 'settling' },
    },
    settling: {
      description: 'They have changed; whoever writes them may not be done.',
      tags: ['ready', 'transient'],
      after: { settle: 'reading' },
      on: { 'files.changed': { guard: 'mayProlong', target: 'settling', reenter: true, actions: 'prolong' } }, // F3
    },
    stopped: { type: 'final', output: { kind: 'stopped' } },
    failed: { type: 'final', output: ({ event }) => ({ kind: 'failed', reason: reasonOf(event) }) },
  },
});

function outcome({ event }: { event: { output: FilesVerdict } }) {
  return { verdict: event.output };
}

function refusal({ event }: { event: { output: FilesVerdict } }) {
  return { reason: event.output.kind === 'rejected' ? event.output.reason : '' };
}

function crash({ event }: { event: { error: unknown } }) {
  return { reason: reasonOf(event) };
}

function reasonOf(event: object): string {
  if (!('error' in event)) return '';
  return event.error instanceof Error ? event.error.message : String(event.error);
}
