/**
 * Gives `statecharts/gitops-stream.ts` its hands: the streams of manifests to the agents of this kas (`spec/kas.md §4.2`,
 * `spec/wire.md §2.14`).
 */
import { fromPromise, type AnyActorLogic, type AnyActorRef } from 'xstate';
import {
  gitopsStreamBackoffMs,
  gitopsStreamMachine,
  type Delivery,
  type Ending,
  type ProjectVerdict,
} from '../../../statecharts/index.ts';
import type { CachedGitLab } from '../../gitlab/cache/index.ts';
import type { ServerCall } from '../../pipe/grpc/index.ts';
import type { Clock, GitLabResult, Log, ProjectInfo, Random } from '../../ports/index.ts';
import { status, StatusCode, type RpcStatus } from '../../protocol/index.ts';
import { guarded, watch, type DynamicSupervisor } from '../../supervisor/index.ts';
import type { AgentSession, SessionTenant } from '../agent-session.actor.ts';
import { withDeadline } from '../deadline-signal.ts';
import { tell } from '../tell.ts';
import type { CommitContents, Contents } from './commit-contents.ts';
import { FrameSender } from './frame-sender.ts';
import { gitopsLimits, gitopsTimes } from './limits.ts';
import { headerFrame, trailerFrame } from './object-frames.ts';
import type { ManifestPath } from './path-selection.ts';
import type { RepositoryPollers } from './repository-pollers.ts';

export interface GitopsStreamsDeps {
  readonly supervisor: () => DynamicSupervisor;
  readonly gitlab: CachedGitLab;
  readonly pollers: RepositoryPollers;
  readonly contents: CommitContents;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly pathsMax: number;
  /** A commit was delivered to an agent: for GitLab's usage counter `gitops_sync`. */
  readonly onDelivered: () => void;
}

/** What an agent asks for. */
export interface ObjectsRequest {
  /** Full path of the manifest project. */
  readonly projectPath: string;
  /** The commit the agent has; empty when it has none. */
  readonly commitId: string;
  readonly paths: readonly ManifestPath[];
  /** A full ref name, `HEAD`, or one commit. */
  readonly ref:
    | { readonly kind: 'ref'; readonly name: string }
    | { readonly kind: 'commit'; readonly commitId: string };
}

class GitopsStream implements SessionTenant {
  readonly streamId: string;
  readonly session: AgentSession;
  readonly call: ServerCall;
  readonly request: ObjectsRequest;
  readonly sender: FrameSender;
  actor: AnyActorRef | undefined;
  project: ProjectInfo | undefined;
  stopListening: (() => void) | undefined;
  fetched: Extract<Contents, { kind: 'contents' }> | undefined;

  constructor(
    streamId: string,
    session: AgentSession,
    call: ServerCall,
    request: ObjectsRequest,
    clock: Clock,
  ) {
    this.streamId = streamId;
    this.session = session;
    this.call = call;
    this.request = request;
    this.sender = new FrameSender(call, {
      clock,
      stalledMsMax: gitopsTimes.stalledMsMax,
      closed: (end) => tell(this.actor, { type: 'call.closed', reason: end.kind }),
    });
  }

  expireIdle(): void {
    tell(this.actor, { type: 'age.expired' });
  }

  refused({ code, message }: RpcStatus): void {
    tell(this.actor, { type: 'session.refused', code, message });
  }
}

export class GitopsStreams {
  readonly #deps: GitopsStreamsDeps;
  readonly #logic: AnyActorLogic;
  readonly #byId = new Map<string, GitopsStream>();
  #made = 0;

  constructor(deps: GitopsStreamsDeps) {
    this.#deps = deps;
    this.#logic = this.#makeLogic();
  }

  get count(): number {
    return this.#byId.size;
  }

  /** Serves one stream until everything of one commit was sent, or it ends for another reason. */
  start(call: ServerCall, session: AgentSession, request: ObjectsRequest): void {
    const { pathsMax, clock, supervisor } = this.#deps;
    if (session.movesOn(call)) return;
    if (request.paths.length > pathsMax) {
      const text = `maximum number of GitOps paths per manifest project is ${pathsMax}, but ${request.paths.length} was requested`;
      return call.finish(status(StatusCode.InvalidArgument, text));
    }
    if (streamsOf(session) >= gitopsLimits.streamsPerSessionMax) {
      const text = `an agent may hold ${gitopsLimits.streamsPerSessionMax} streams of manifests`;
      return call.finish(status(StatusCode.ResourceExhausted, text));
    }
    const streamId = `gitops-stream:${++this.#made}`;
    const entry = new GitopsStream(streamId, session, call, request, clock);
    this.#byId.set(streamId, entry);
    session.tenants.add(streamId, entry);
    const started = supervisor().startChild({
      id: streamId,
      logic: this.#logic,
      input: {
        streamId,
        commitId: request.commitId,
        wanted: request.ref.kind === 'commit' ? request.ref.commitId : '',
      },
      restart: 'temporary',
    });
    const forget = () => {
      entry.stopListening?.();
      entry.stopListening = undefined;
      this.#byId.delete(streamId);
      session.tenants.delete(streamId);
      session.connection.memberChanged();
    };
    if (started.kind === 'refused') {
      forget();
      call.finish(status(StatusCode.Unavailable, `manifests cannot be sent now: ${started.reason}`));
      return;
    }
    entry.actor = started.ref;
    watch(started.ref, (exit) => {
      forget();
      if (exit.kind === 'normal') {
        const { code, message } = (exit.output as { readonly ending: Ending }).ending;
        call.finish(status(code as StatusCode, message));
      } else {
        call.finish(status(StatusCode.Unavailable, 'the stream of manifests ended unexpectedly'));
      }
    });
  }

  #makeLogic(): AnyActorLogic {
    const { clock, random, log } = this.#deps;
    type Step = { readonly streamId: string; readonly commitId: string };
    const gone = { kind: 'unavailable', reason: 'the stream is gone' } as const;
    const find = (id: string) => this.#byId.get(id);
    return guarded(
      gitopsStreamMachine.provide({
        actors: {
          authorize: fromPromise<ProjectVerdict, Step>(async ({ input, signal }) => {
            const entry = find(input.streamId);
            if (entry === undefined) return gone;
            return withDeadline(clock, signal, gitopsTimes.authorizeMsMax, (bounded) =>
              this.#authorize(entry, bounded),
            );
          }),
          fetch: fromPromise<Delivery, Step>(async ({ input }) => {
            const entry = find(input.streamId);
            return entry === undefined ? gone : this.#fetch(entry, input.commitId);
          }),
          send: fromPromise<Delivery, Step>(async ({ input }) => {
            const entry = find(input.streamId);
            return entry === undefined ? gone : this.#send(entry, input.commitId);
          }),
        },
        actions: {
          report: (_, { streamId, reason }) => {
            const entry = find(streamId);
            log.warn('GitOps: manifests cannot be delivered, trying again', {
              agent_id: entry?.session.agent?.agentId,
              project_id: entry?.request.projectPath,
              reason,
            });
          },
        },
        delays: {
          backoff: ({ context }) => gitopsStreamBackoffMs(context.attempt) * (1 + random.next()),
        },
      }),
    );
  }

  async #authorize(entry: GitopsStream, signal: AbortSignal): Promise<ProjectVerdict> {
    const { projectPath, ref } = entry.request;
    const info = await this.#deps.gitlab.projectInfo(entry.session.token, projectPath, signal);
    if (info.kind === 'unavailable') return info;
    if (info.kind !== 'ok') return { kind: 'ended', ending: projectRefusal(info) };
    entry.project = info.value;
    if (ref.kind === 'commit') return { kind: 'granted', pinned: true };
    const granted = { kind: 'granted', pinned: false } as const;
    if (entry.stopListening !== undefined || !this.#byId.has(entry.streamId)) return granted;
    const { projectId, repository } = info.value;
    entry.stopListening = this.#deps.pollers.listen({ projectId, repository, ref: ref.name }, (polled) => {
      if (polled.kind === 'unavailable') return;
      tell(entry.actor, { type: 'repository.polled', polled });
    });
    return entry.stopListening === undefined
      ? { kind: 'unavailable', reason: 'no room for another repository poller' }
      : granted;
  }

  async #fetch(entry: GitopsStream, commitId: string): Promise<Delivery> {
    const { project, request } = entry;
    if (project === undefined) return { kind: 'unavailable', reason: 'the project is not known yet' };
    const { projectId, repository } = project;
    const contents = await this.#deps.contents.of({ projectId, repository, commitId, paths: request.paths });
    if (contents.kind === 'unavailable') return contents;
    if (contents.kind === 'rejected') {
      const message = `GitOps: failed to get objects to synchronize: ${contents.reason}`;
      this.#deps.log.info(message, { agent_id: entry.session.agent?.agentId, commit_id: commitId });
      return { kind: 'ended', ending: { code: StatusCode.FailedPrecondition, message } };
    }
    entry.fetched = contents;
    return { kind: 'delivered' };
  }

  async #send(entry: GitopsStream, commitId: string): Promise<Delivery> {
    const { fetched, project } = entry;
    if (fetched === undefined || project === undefined) {
      return { kind: 'unavailable', reason: 'nothing was fetched' };
    }
    entry.fetched = undefined;
    const { frames, files, bytes } = fetched;
    const sent = await entry.sender.send([
      headerFrame(commitId, project.projectId),
      ...frames,
      trailerFrame(),
    ]);
    const ending = (code: StatusCode, message: string): Delivery => ({
      kind: 'ended',
      ending: { code, message },
    });
    if (sent.kind === 'stalled')
      return ending(StatusCode.DeadlineExceeded, 'GitOps: the agent takes nothing');
    if (sent.kind === 'closed') return ending(StatusCode.Canceled, 'GitOps: the agent has gone');
    this.#deps.onDelivered();
    this.#deps.log.info('GitOps: new commit', {
      agent_id: entry.session.agent?.agentId,
      project_id: entry.request.projectPath,
      commit_id: commitId,
      number_of_files: files,
      bytes,
    });
    return { kind: 'delivered' };
  }
}

function streamsOf(session: AgentSession): number {
  let count = 0;
  for (const tenant of session.tenants.values()) if (tenant instanceof GitopsStream) count++;
  return count;
}

/** What GitLab's refusal means to the agent (`spec/kas.md §4.2`). */
function projectRefusal(info: Exclude<GitLabResult<never>, { kind: 'ok' | 'unavailable' }>): Ending {
  const endings = {
    unauthenticated: { code: StatusCode.Unauthenticated, message: 'unauthenticated' },
    forbidden: { code: StatusCode.PermissionDenied, message: 'forbidden' },
    notFound: { code: StatusCode.NotFound, message: 'project not found' },
  } as const;
  return endings[info.kind];
}
