/**
 * Gives `statecharts/config-watch.ts` its hands: one GetConfiguration stream, answered from the agent's configuration
 * project (`spec/wire.md §10`, `spec/kas.md §4.1`).
 */
import { create } from '@bufbuild/protobuf';
import { fromPromise, type AnyActorLogic, type AnyActorRef } from 'xstate';
import { configWatchMachine, type Ending, type Fetched, type Resolution } from '../../statecharts/index.ts';
import type { CachedGitLab } from '../gitlab/cache/index.ts';
import type { ServerCall } from '../pipe/grpc/index.ts';
import type { Clock, Git, GitRepository, Log, Random } from '../ports/index.ts';
import {
  ConfigurationResponseSchema,
  encode,
  parseAgentConfiguration,
  status,
  StatusCode,
  toAgentConfiguration,
  type ConfigurationFile,
  type RpcStatus,
} from '../protocol/index.ts';
import { guarded, watch, type DynamicSupervisor } from '../supervisor/index.ts';
import { agentRefusal, type AgentSession, type SessionTenant } from './agent-session.actor.ts';
import { withDeadline } from './deadline-signal.ts';
import { gitFailureText } from './git-failure-text.ts';
import { actorLimits, actorTimes } from './limits.ts';
import type { ProjectPushes } from './project-pushes.ts';
import type { SeenPoller } from './seen-poller.ts';
import { tell } from './tell.ts';

export interface ConfigWatchesDeps {
  readonly supervisor: () => DynamicSupervisor;
  readonly gitlab: CachedGitLab;
  readonly git: Git;
  readonly pushes: ProjectPushes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly pollMs: number;
  readonly fileBytesMax: number;
  readonly gitlabExternalUrl: string;
}

interface ParsedFile {
  readonly file: ConfigurationFile;
  readonly json: object;
}

class ConfigWatch implements SessionTenant {
  readonly watchId: string;
  readonly session: AgentSession;
  readonly call: ServerCall;
  ref: AnyActorRef | undefined;
  /** What was read last and not delivered yet. */
  fetched: ParsedFile | undefined;
  /** The last file, as long as GitLab could not be told of it. */
  unreported: object | undefined;
  askedAt: number | undefined;
  trouble = '';

  #listening: { readonly place: string; readonly stop: () => void } | undefined;

  constructor(watchId: string, session: AgentSession, call: ServerCall) {
    this.watchId = watchId;
    this.session = session;
    this.call = call;
  }

  /** A push to this project wakes the watch; one that moved is listened to at its new place. */
  listenTo(pushes: ProjectPushes, repository: GitRepository): void {
    const { location, projectPath } = repository;
    const place = location.kind === 'local' ? `${projectPath} ${location.gitDir}` : projectPath;
    if (this.#listening?.place === place) return;
    this.stopListening();
    const stop = pushes.listenTo(repository, () => tell(this.ref, { type: 'push.noticed' }));
    this.#listening = { place, stop };
  }

  stopListening(): void {
    this.#listening?.stop();
    this.#listening = undefined;
  }

  expireIdle(): void {
    tell(this.ref, { type: 'age.expired' });
  }

  refused({ code, message }: RpcStatus): void {
    tell(this.ref, { type: 'session.refused', code, message });
  }
}

export class ConfigWatches {
  readonly #deps: ConfigWatchesDeps;
  readonly #logic: AnyActorLogic;
  readonly #byId = new Map<string, ConfigWatch>();
  #made = 0;

  constructor(deps: ConfigWatchesDeps) {
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

  /** Serves one stream from the commit the agent says it has. */
  start(call: ServerCall, session: AgentSession, commitId: string): void {
    if (session.movesOn(call)) return;
    const held = watchesOf(session);
    if (held >= actorLimits.watchesPerSessionMax) {
      call.finish(status(StatusCode.ResourceExhausted, `an agent may hold ${held} configuration streams`));
      return;
    }
    const watchId = `config-watch:${++this.#made}`;
    const entry = new ConfigWatch(watchId, session, call);
    this.#byId.set(watchId, entry);
    session.tenants.add(watchId, entry);
    const started = this.#deps.supervisor().startChild({
      id: watchId,
      logic: this.#logic,
      input: { watchId, commitId, pollMs: this.#deps.pollMs },
      restart: 'temporary',
    });
    const forget = () => {
      entry.stopListening();
      this.#byId.delete(watchId);
      session.tenants.delete(watchId);
      session.watchesChanged(watchesOf(session));
    };
    if (started.kind === 'refused') {
      forget();
      call.finish(status(StatusCode.Unavailable, `configuration cannot be watched now: ${started.reason}`));
      return;
    }
    entry.ref = started.ref;
    session.watchesChanged(watchesOf(session));
    call.stream.handler = {
      onMessage: () => {},
      onHalfClosed: () => {},
      onDrain: () => {},
      onClosed: (end) => tell(entry.ref, { type: 'call.closed', reason: end.kind }),
    };
    watch(started.ref, (exit) => {
      forget();
      if (exit.kind === 'normal') {
        const { code, message } = (exit.output as { readonly ending: Ending }).ending;
        call.finish(status(code as StatusCode, message));
      } else {
        call.finish(status(StatusCode.Unavailable, 'the configuration watch ended unexpectedly'));
      }
    });
  }

  #makeLogic(): AnyActorLogic {
    const { clock, random, log } = this.#deps;
    const find = (id: string) => this.#byId.get(id);
    type Step = { readonly watchId: string; readonly commitId: string };
    const gone: { kind: 'unavailable'; reason: string } = {
      kind: 'unavailable',
      reason: 'the stream is gone',
    };
    const bounded = <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>) =>
      withDeadline(clock, signal, actorTimes.configurationStepMsMax, work);
    return guarded(
      configWatchMachine.provide({
        actors: {
          resolve: fromPromise<Resolution, Step>(async ({ input, signal }) => {
            const entry = find(input.watchId);
            return entry === undefined
              ? gone
              : bounded(signal, (s) => this.#resolve(entry, input.commitId, s));
          }),
          fetch: fromPromise<Fetched, Step>(async ({ input, signal }) => {
            const entry = find(input.watchId);
            return entry === undefined ? gone : bounded(signal, (s) => this.#fetch(entry, input.commitId, s));
          }),
          deliver: fromPromise<Fetched, Step>(async ({ input, signal }) => {
            const entry = find(input.watchId);
            return entry === undefined
              ? gone
              : bounded(signal, (s) => this.#deliver(entry, input.commitId, s));
          }),
        },
        actions: {
          report: (_, { watchId, reason }) => {
            const entry = find(watchId);
            const agentId = entry?.session.agent?.agentId;
            if (entry !== undefined) entry.trouble = reason;
            log.warn('Config: repository cannot be read, trying again', { agent_id: agentId, reason });
          },
        },
        delays: {
          // 10 s → 60 s ×2 with full jitter (`spec/wire.md §12`).
          backoff: ({ context }) =>
            Math.min(10_000 * 2 ** Math.min(context.attempt - 1, 8), 60_000) * (1 + random.next()),
        },
      }),
    );
  }

  async #resolve(entry: ConfigWatch, commitId: string, signal: AbortSignal): Promise<Resolution> {
    const { gitlab, git, pushes, clock } = this.#deps;
    entry.askedAt = clock.now();
    const info = await gitlab.agentInfo(entry.session.token, signal);
    if (info.kind === 'unavailable') return info;
    if (info.kind !== 'ok') {
      // What holds for this stream holds for all the agent has here: it need not call again to be found out.
      entry.session.recheck();
      return { kind: 'ended', ending: agentRefusal(info.kind) };
    }
    entry.session.agent = info.value;
    const { repository, defaultBranch } = info.value;
    if (this.#byId.has(entry.watchId)) entry.listenTo(pushes, repository);
    const resolved = await git.resolveRef(repository, `refs/heads/${defaultBranch}`, signal);
    switch (resolved.kind) {
      case 'commit':
        if (resolved.commitId !== commitId) return { kind: 'changed', commitId: resolved.commitId };
        await this.#report(entry, info.value.agentId, signal);
        return { kind: 'unchanged' };
      case 'empty':
        return { kind: 'empty' };
      case 'notFound':
        return ended(
          StatusCode.NotFound,
          `Config: repository poll failed: ${gitFailureText('InfoRefsUploadPack', resolved)}`,
        );
      case 'tooBig':
      case 'notAFile':
      case 'invalid':
      case 'unavailable':
        return { kind: 'unavailable', reason: resolved.reason };
    }
  }

  async #fetch(entry: ConfigWatch, commitId: string, signal: AbortSignal): Promise<Fetched> {
    const { agent } = entry.session;
    if (agent === undefined) return { kind: 'unavailable', reason: 'the agent is not known yet' };
    const path = `.gitlab/agents/${agent.agentName}/config.yaml`;
    const read = await this.#deps.git.readFile(
      agent.repository,
      commitId,
      path,
      this.#deps.fileBytesMax,
      signal,
    );
    if (read.kind === 'unavailable') return read;
    if (read.kind === 'tooBig' || read.kind === 'notAFile' || read.kind === 'invalid') {
      return this.#reject(entry, `Config: agent configuration file: ${gitFailureText('TreeEntry', read)}`);
    }
    if (read.kind === 'notFound' && !(await this.#isStill(entry, commitId, signal))) {
      return { kind: 'unavailable', reason: `the repository changed while it was read: ${read.reason}` };
    }
    const parsed = parseAgentConfiguration(read.kind === 'file' ? read.bytes : Buffer.alloc(0));
    if (parsed.kind === 'invalid') {
      const what =
        parsed.stage === 'parse' ? 'failed to parse agent configuration' : 'invalid agent configuration';
      return this.#reject(entry, `Config: ${what}: ${parsed.reason}`);
    }
    entry.fetched = { file: parsed.file, json: parsed.json };
    return { kind: 'fetched' };
  }

  /** Whether the branch is there and at this commit: else a file that was not found says nothing about it (W1). */
  async #isStill(entry: ConfigWatch, commitId: string, signal: AbortSignal): Promise<boolean> {
    const { agent } = entry.session;
    if (agent === undefined) return false;
    const ref = `refs/heads/${agent.defaultBranch}`;
    const resolved = await this.#deps.git.resolveRef(agent.repository, ref, signal);
    return resolved.kind === 'commit' && resolved.commitId === commitId;
  }

  #reject(entry: ConfigWatch, message: string): Fetched {
    this.#deps.log.info(message, { agent_id: entry.session.agent?.agentId });
    return ended(StatusCode.FailedPrecondition, message);
  }

  async #deliver(entry: ConfigWatch, commitId: string, signal: AbortSignal): Promise<Fetched> {
    const { log, gitlabExternalUrl } = this.#deps;
    const { fetched, session, call } = entry;
    const { agent } = session;
    if (fetched === undefined || agent === undefined)
      return { kind: 'unavailable', reason: 'nothing was read' };
    entry.fetched = undefined;
    log.info('Config: new commit', { agent_id: agent.agentId, commit_id: commitId });
    const configuration = toAgentConfiguration(fetched.file, {
      agentId: agent.agentId,
      projectId: agent.projectId,
      projectPath: agent.repository.projectPath,
      gitlabExternalUrl,
    });
    const response = create(ConfigurationResponseSchema, { configuration, commitId });
    call.stream.write(call.frame(encode(ConfigurationResponseSchema, response)));
    entry.unreported = fetched.json;
    await this.#report(entry, agent.agentId, signal);
    return { kind: 'fetched' };
  }

  /** Tells GitLab once of every file; when it could not be told, again with the next poll (`spec/gitlab.md §1.8`). */
  async #report(entry: ConfigWatch, agentId: bigint, signal: AbortSignal): Promise<void> {
    const { gitlab, log } = this.#deps;
    const { unreported } = entry;
    if (unreported === undefined) return;
    const reported = await gitlab.reportAgentConfiguration(agentId, unreported, signal);
    const isTaken = reported.kind !== 'unavailable';
    if (isTaken && entry.unreported === unreported) entry.unreported = undefined;
    if (reported.kind === 'ok') return;
    const fields = { agent_id: agentId, reason: reported.reason };
    if (reported.kind === 'notFound') log.debug('Config: GitLab no longer has this agent', fields);
    else log.warn('Config: GitLab did not take the report', fields);
  }
}

function seenOf({ watchId, session: { agent }, ref, askedAt, trouble }: ConfigWatch): SeenPoller {
  const snapshot = ref?.getSnapshot() as
    | { value?: string; context?: { attempt: number; commitId: string } }
    | undefined;
  const { attempt = 0, commitId = '' } = snapshot?.context ?? {};
  return {
    pollerId: watchId,
    project: agent?.repository.projectPath ?? '',
    ref: agent === undefined ? '' : `refs/heads/${agent.defaultBranch}`,
    state: snapshot?.value ?? '',
    commitId,
    listeners: 1,
    agentId: agent?.agentId,
    askedAt,
    attempt,
    reason: attempt > 0 ? trouble : '',
  };
}

function watchesOf(session: AgentSession): number {
  let count = 0;
  for (const tenant of session.tenants.values()) if (tenant instanceof ConfigWatch) count++;
  return count;
}

function ended(code: StatusCode, message: string): { readonly kind: 'ended'; readonly ending: Ending } {
  return { kind: 'ended', ending: { code, message } };
}
