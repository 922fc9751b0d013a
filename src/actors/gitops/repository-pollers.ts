/**
 * Gives `statecharts/repository-poller.ts` its hands: one poller per (project, ref), made when the first stream listens and gone when
 * nobody does for a period.
 *
 * 1. A listener hears what the poller knows at once, if it knows anything, and every answer from then on.
 * 2. The repository's address and credentials are those of the stream that came last: GitLab gives them anew.
 */
import { fromPromise, type AnyActorLogic, type AnyActorRef } from 'xstate';
import {
  repositoryPollerBackoffMs,
  repositoryPollerMachine,
  type Polled,
} from '../../../statecharts/index.ts';
import type { Clock, Git, GitRepository, Log, Random } from '../../ports/index.ts';
import { guarded, watch, type DynamicSupervisor } from '../../supervisor/index.ts';
import { withDeadline } from '../deadline-signal.ts';
import type { ProjectPushes } from '../project-pushes.ts';
import type { SeenPoller } from '../seen-poller.ts';
import { tell } from '../tell.ts';
import { gitopsTimes } from './limits.ts';

export interface RepositoryPollersDeps {
  readonly supervisor: () => DynamicSupervisor;
  readonly git: Git;
  readonly pushes: ProjectPushes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly pollMs: number;
}

/** What is polled: a project's repository and a full ref name, or `HEAD`. */
export interface PolledRef {
  readonly projectId: bigint;
  readonly repository: GitRepository;
  readonly ref: string;
}

type Listener = (polled: Polled) => void;

interface Poller {
  readonly pollerId: string;
  readonly ref: string;
  repository: GitRepository;
  readonly listeners: Set<Listener>;
  known: Polled | undefined;
  actor: AnyActorRef | undefined;
  askedAt: number | undefined;
  trouble: string;
}

export class RepositoryPollers {
  readonly #deps: RepositoryPollersDeps;
  readonly #logic: AnyActorLogic;
  readonly #byId = new Map<string, Poller>();

  constructor(deps: RepositoryPollersDeps) {
    this.#deps = deps;
    this.#logic = this.#makeLogic();
  }

  get count(): number {
    return this.#byId.size;
  }

  /** For people. */
  seen(limit: number): readonly SeenPoller[] {
    return this.#byId.values().take(limit).map(seenOf).toArray();
  }

  /** Listens to a ref; answers how to stop, or undefined when no more pollers can be run. */
  listen(polled: PolledRef, heard: Listener): (() => void) | undefined {
    const pollerId = `repository-poller:${polled.projectId}:${polled.ref}`;
    const poller = this.#byId.get(pollerId) ?? this.#begin(pollerId, polled);
    if (poller === undefined) return undefined;
    poller.repository = polled.repository; // 2
    const listener: Listener = (answer) => heard(answer); // its own identity: one may listen twice
    poller.listeners.add(listener);
    this.#counted(poller);
    if (poller.known !== undefined) heard(poller.known); // 1
    return () => {
      if (poller.listeners.delete(listener)) this.#counted(poller);
    };
  }

  #counted({ actor, listeners }: Poller): void {
    tell(actor, { type: 'listeners.changed', count: listeners.size });
  }

  #begin(pollerId: string, { repository, ref }: PolledRef): Poller | undefined {
    const poller: Poller = {
      pollerId,
      ref,
      repository,
      listeners: new Set(),
      known: undefined,
      actor: undefined,
      askedAt: undefined,
      trouble: '',
    };
    this.#byId.set(pollerId, poller);
    const started = this.#deps.supervisor().startChild({
      id: pollerId,
      logic: this.#logic,
      input: { pollerId, pollMs: this.#deps.pollMs },
      restart: 'temporary',
    });
    if (started.kind === 'refused') {
      this.#byId.delete(pollerId);
      this.#deps.log.warn('GitOps: no room for another repository poller', { reason: started.reason });
      return undefined;
    }
    poller.actor = started.ref;
    const stopListening = this.#deps.pushes.listenTo(repository, () =>
      tell(poller.actor, { type: 'push.noticed' }),
    );
    watch(started.ref, () => {
      stopListening();
      if (this.#byId.get(pollerId) === poller) this.#byId.delete(pollerId);
      // Whoever still listens is told, and begins a new poller when it tries again.
      const gone: Polled = { kind: 'unavailable', reason: 'the repository poller ended' };
      for (const listener of poller.listeners) listener(gone);
    });
    return poller;
  }

  #makeLogic(): AnyActorLogic {
    const { git, clock, random, log, pollMs } = this.#deps;
    return guarded(
      repositoryPollerMachine.provide({
        actors: {
          poll: fromPromise<Polled, { readonly pollerId: string }>(async ({ input, signal }) => {
            const poller = this.#byId.get(input.pollerId);
            if (poller === undefined) return { kind: 'unavailable', reason: 'the poller is gone' };
            poller.askedAt = clock.now();
            return withDeadline(clock, signal, gitopsTimes.pollMsMax, async (bounded) => {
              const resolved = await git.resolveRef(poller.repository, poller.ref, bounded);
              if (resolved.kind === 'commit' || resolved.kind === 'empty') return resolved;
              return resolved.kind === 'notFound'
                ? { kind: 'missing', reason: resolved.reason }
                : { kind: 'unavailable', reason: resolved.reason };
            });
          }),
        },
        actions: {
          tell: (_, { pollerId, polled }) => {
            const poller = this.#byId.get(pollerId);
            if (poller === undefined) return;
            // An outage does not make what is known untrue.
            if (polled.kind !== 'unavailable') poller.known = polled;
            for (const listener of poller.listeners) listener(polled);
          },
          report: (_, { pollerId, reason }) => {
            const poller = this.#byId.get(pollerId);
            const project = poller?.repository.projectPath;
            if (poller !== undefined) poller.trouble = reason;
            log.warn('GitOps: repository cannot be polled, trying again', { project_id: project, reason });
          },
        },
        delays: {
          pollPeriod: () => pollMs * (0.9 + 0.2 * random.next()),
          backoff: ({ context }) => repositoryPollerBackoffMs(context.attempt) * (1 + random.next()),
        },
      }),
    );
  }
}

function seenOf({
  pollerId,
  ref,
  repository,
  listeners,
  known,
  actor,
  askedAt,
  trouble,
}: Poller): SeenPoller {
  const snapshot = actor?.getSnapshot() as { value?: string; context?: { attempt: number } } | undefined;
  const attempt = snapshot?.context?.attempt ?? 0;
  return {
    pollerId,
    project: repository.projectPath,
    ref,
    state: snapshot?.value ?? '',
    commitId: known?.kind === 'commit' ? known.commitId : '',
    listeners: listeners.size,
    agentId: undefined,
    askedAt,
    attempt,
    reason: attempt > 0 ? trouble : reasonOf(known),
  };
}

function reasonOf(known: Polled | undefined): string {
  if (known?.kind === 'missing') return known.reason;
  return known?.kind === 'empty' ? 'the repository has no commit yet' : '';
}
