/** Gives `statecharts/manifest-watch.ts` its hands: the `GetObjectsToSynchronize` streams of all manifest projects. */
import { create } from '@bufbuild/protobuf';
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import {
  manifestWatchBackoffMs,
  manifestWatchDelays,
  manifestWatchMachine,
  type ManifestVerdict,
} from '../../../statecharts/index.ts';
import { callServerStream } from '../../pipe/grpc/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import {
  methods,
  ObjectsToSynchronizeRequestSchema,
  StatusCode,
  statusText,
  type RpcStatus,
} from '../../protocol/index.ts';
import { guarded } from '../../supervisor/index.ts';
import type { KasCaller } from '../kas-caller.ts';
import { followLink, noticeLink, type LinkBoard } from '../link/index.ts';
import { OncePerChange } from '../once-per-change.ts';
import { CommitReceiver } from './commit-receiver.ts';
import { globsOf, type ManifestProject } from './manifest-project.ts';
import type { ProjectWork } from './project-work.ts';

export interface ManifestWatchDeps {
  readonly board: LinkBoard;
  readonly caller: KasCaller;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** One logic for all projects; its input is `{ watchId }`, and `find` answers the project of a watch. */
export function createManifestWatchLogic(
  deps: ManifestWatchDeps,
  find: (watchId: string) => ProjectWork | undefined,
): AnyActorLogic {
  const { board, random } = deps;
  const streams = new Map<string, ManifestStream>();
  return guarded(
    manifestWatchMachine.provide({
      actors: {
        link: followLink<{ watchId: string }>(board, ({ watchId }) => {
          streams.get(watchId)?.close();
          streams.delete(watchId);
        }),
      },
      actions: {
        awaitLink: noticeLink(board),
        openStream: ({ self }, { watchId, ...opening }) => {
          const work = find(watchId);
          if (work === undefined) return;
          const stream = streams.get(watchId) ?? new ManifestStream(deps, work);
          streams.set(watchId, stream);
          stream.open(opening, self);
        },
      },
      delays: {
        backoff: ({ context }) =>
          manifestWatchBackoffMs(context.failures) * (1 + random.next() * manifestWatchDelays.backoffJitter),
      },
    }),
  );
}

interface Opening {
  readonly stream: number;
  readonly incarnation: number;
  readonly commitId: string;
}

/** The one stream a project has at a time. */
class ManifestStream {
  readonly #deps: ManifestWatchDeps;
  readonly #work: ProjectWork;
  readonly #troubles = new OncePerChange();
  #cancel: (reason: string) => void = () => {};

  constructor(deps: ManifestWatchDeps, work: ProjectWork) {
    this.#deps = deps;
    this.#work = work;
  }

  open({ stream, incarnation, commitId }: Opening, watch: AnyActorRef): void {
    const { board, caller, clock } = this.#deps;
    this.close();
    const openedAt = clock.monotonic();
    const receiver = new CommitReceiver();
    let closed = false;
    let refusal: string | undefined;
    const end = (verdict: ManifestVerdict, received = '') => {
      if (closed) return;
      closed = true;
      const atMs = clock.monotonic();
      watch.send({
        type: 'stream.ended',
        stream,
        verdict,
        commitId: received,
        atMs,
        livedMs: atMs - openedAt,
      });
    };
    const live = board.current;
    if (live?.incarnation !== incarnation) return end('lost');
    const call = callServerStream(
      live.session,
      methods.getObjectsToSynchronize,
      requestOf(this.#work.project, commitId),
      caller.metadata,
      { ...caller.options, gzip: true },
      {
        onMessage: (message) => {
          refusal ??= receiver.take(message);
          if (refusal !== undefined) call.cancel(refusal);
        },
        onClosed: (outcome) => {
          if (outcome.code === StatusCode.OK) refusal ??= receiver.end();
          const isSound = outcome.code === StatusCode.OK && refusal === undefined;
          const commit = isSound ? receiver.commit() : undefined;
          if (commit === undefined) return end(this.#verdict(outcome, incarnation, refusal));
          this.#troubles.forget();
          this.#work.received(commit);
          const isLast = this.#work.project.entry.ref?.ref.case === 'commit';
          end(isLast ? 'receivedLast' : 'received', commit.commitId);
        },
      },
    );
    this.#cancel = (reason) => {
      closed = true;
      call.cancel(reason);
    };
  }

  close(): void {
    this.#cancel('manifest watch ended');
    this.#cancel = () => {};
  }

  #verdict(outcome: RpcStatus, incarnation: number, refusal: string | undefined): ManifestVerdict {
    const { board, log } = this.#deps;
    if (outcome.code === StatusCode.OK && refusal === undefined) return 'finished';
    if (board.current?.incarnation !== incarnation) return 'lost';
    if (outcome.code === StatusCode.Canceled || outcome.code === StatusCode.DeadlineExceeded) return 'failed';
    const reason = refusal ?? statusText(outcome);
    const said = { worker_id: this.#work.project.id, reason };
    if (this.#troubles.changed(reason) === undefined) log.debug('No manifests from kas', said);
    else log.error('No manifests from kas, what was received last stays in force', said);
    return 'failed';
  }
}

function requestOf(project: ManifestProject, commitId: string) {
  const { ref } = project.entry;
  return create(ObjectsToSynchronizeRequestSchema, {
    projectId: project.id,
    commitId,
    paths: globsOf(project).map((value) => ({ path: { case: 'glob' as const, value } })),
    ...(ref?.ref.case === undefined ? {} : { ref: { ref: { case: ref.ref.case, value: ref.ref.value } } }),
  });
}
