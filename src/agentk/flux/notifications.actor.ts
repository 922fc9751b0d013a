/**
 * The notifications actor: `statecharts/flux-notifications.ts` with the real `ReconcileProjects` stream. A push becomes calls
 * of the webhook here; none is an event.
 */
import { create } from '@bufbuild/protobuf';
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import { callServerStream } from '../../pipe/grpc/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { methods, ok, ReconcileProjectsRequestSchema, StatusCode, statusText } from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';
import { guarded } from '../../supervisor/index.ts';
import {
  fluxBackoffMs,
  fluxNotificationsDelays,
  fluxNotificationsMachine,
  type NotificationVerdict,
} from '../../../statecharts/index.ts';
import type { KasCaller } from '../kas-caller.ts';
import { followLink, noticeLink, type LinkBoard } from '../link/index.ts';
import { OncePerChange } from '../once-per-change.ts';

export interface NotificationsDeps {
  readonly board: LinkBoard;
  readonly caller: KasCaller;
  /** The projects to hear of, now. */
  readonly projects: () => readonly string[];
  /** A project was pushed to. */
  readonly onPush: (project: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The logic, with input `{ streamId }`, and whether other projects are wanted than the open stream has. */
export function createNotifications(deps: NotificationsDeps): {
  readonly logic: AnyActorLogic;
  readonly outdated: () => boolean;
} {
  const { board, random } = deps;
  const stream = new PushStream(deps);
  const logic = fluxNotificationsMachine.provide({
    actors: {
      link: followLink(board, () => stream.close()),
    },
    actions: {
      awaitLink: noticeLink(board),
      openStream: ({ self }, params) => stream.open(params, self),
    },
    delays: {
      backoff: ({ context }) =>
        fluxBackoffMs(context.failures) * (1 + random.next() * fluxNotificationsDelays.backoffJitter),
    },
  });
  return { logic: guarded(logic), outdated: () => stream.outdated };
}

class PushStream {
  readonly #deps: NotificationsDeps;
  readonly #troubles = new OncePerChange();
  #named = '';
  #cancel: (reason: string) => void = () => {};

  constructor(deps: NotificationsDeps) {
    this.#deps = deps;
  }

  get outdated(): boolean {
    return this.#named !== nameOf(this.#deps.projects());
  }

  open(
    { stream, incarnation }: { readonly stream: number; readonly incarnation: number },
    actor: AnyActorRef,
  ): void {
    const { board, caller, projects, onPush, clock } = this.#deps;
    this.close();
    const openedMs = clock.monotonic();
    let closed = false;
    const end = (verdict: NotificationVerdict) => {
      if (closed) return;
      closed = true;
      const atMs = clock.monotonic();
      actor.send({ type: 'stream.ended', stream, verdict, atMs, livedMs: atMs - openedMs });
    };
    const live = board.current;
    if (live?.incarnation !== incarnation) return end('lost');
    const wanted = projects();
    this.#named = nameOf(wanted);
    const request = create(ReconcileProjectsRequestSchema, { project: wanted.map((id) => ({ id })) });
    const call = callServerStream(
      live.session,
      methods.reconcileProjects,
      request,
      caller.metadata,
      { ...caller.options, gzip: true },
      {
        onMessage: ({ project }) => {
          board.noteStatus(incarnation, ok);
          this.#troubles.forget();
          if (project !== undefined && !closed) onPush(project.id);
        },
        onClosed: (outcome) => end(this.#verdict(outcome, incarnation)),
      },
    );
    this.#cancel = (reason) => {
      closed = true;
      call.cancel(reason);
    };
  }

  close(): void {
    this.#cancel('another stream of pushes takes its place');
    this.#cancel = () => {};
  }

  #verdict(outcome: RpcStatus, incarnation: number): NotificationVerdict {
    const { board, log } = this.#deps;
    if (outcome.code === StatusCode.OK) return 'finished';
    if (board.current?.incarnation !== incarnation) return 'lost';
    if (outcome.code === StatusCode.Canceled || outcome.code === StatusCode.DeadlineExceeded) return 'failed';
    const reason = statusText(outcome);
    if (this.#troubles.changed(reason) === undefined) log.debug('No pushes for Flux from kas', { reason });
    else log.warn('No pushes for Flux from kas, trying again', { reason });
    return 'failed';
  }
}

function nameOf(projects: readonly string[]): string {
  return [...projects].sort().join('\n');
}
