/**
 * Gives `statecharts/flux-stream.ts` its hands: the streams on which agents hear of pushes to the projects their Flux reads
 * (`spec/kas.md §4.4`).
 */
import { create } from '@bufbuild/protobuf';
import { fromPromise, type AnyActorLogic, type AnyActorRef } from 'xstate';
import { fluxStreamMachine, type FluxPush, type FluxTold } from '../../statecharts/index.ts';
import type { ServerCall } from '../pipe/grpc/index.ts';
import type { Clock, Counter, GitLab, Log, Metrics } from '../ports/index.ts';
import {
  encode,
  ReconcileProjectsResponseSchema,
  status,
  StatusCode,
  type RpcStatus,
} from '../protocol/index.ts';
import { guarded, watch, type DynamicSupervisor } from '../supervisor/index.ts';
import type { AgentSession, SessionTenant } from './agent-session.actor.ts';
import { withDeadline } from './deadline-signal.ts';
import { actorLimits, actorTimes } from './limits.ts';
import type { ProjectPushes } from './project-pushes.ts';
import { tell } from './tell.ts';
import type { UsageTracker } from './usage-tracker.ts';

export interface FluxStreamsDeps {
  readonly supervisor: () => DynamicSupervisor;
  readonly gitlab: Pick<GitLab, 'verifyProjectAccess'>;
  readonly pushes: ProjectPushes;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly usage: UsageTracker;
}

class FluxStream implements SessionTenant {
  readonly session: AgentSession;
  readonly call: ServerCall;
  ref: AnyActorRef | undefined;
  stopListening: () => void = () => {};

  constructor(session: AgentSession, call: ServerCall) {
    this.session = session;
    this.call = call;
  }

  expireIdle(): void {
    tell(this.ref, { type: 'age.expired' });
  }

  refused({ code, message }: RpcStatus): void {
    tell(this.ref, { type: 'session.refused', code, message });
  }
}

export class FluxStreams {
  readonly #deps: FluxStreamsDeps;
  readonly #logic: AnyActorLogic;
  readonly #byId = new Map<string, FluxStream>();
  readonly #told: Counter;
  readonly #dropped: Counter;
  #made = 0;

  constructor(deps: FluxStreamsDeps) {
    this.#deps = deps;
    this.#told = deps.metrics.counter({
      name: 'flux_git_push_notifications_total',
      help: 'Pushes agents were told of, for Flux',
    });
    this.#dropped = deps.metrics.counter({
      name: 'flux_dropped_git_push_notifications_total',
      help: 'Pushes agents were not told of because too many waited',
    });
    this.#logic = this.#makeLogic();
  }

  get count(): number {
    return this.#byId.size;
  }

  /** Serves one stream: pushes to these projects, by full path. */
  start(call: ServerCall, session: AgentSession, projectPaths: readonly string[]): void {
    if (session.movesOn(call)) return;
    const projects = new Set(projectPaths);
    const refusal = refusalOf(session, projects);
    if (refusal !== undefined) return call.finish(refusal);
    const streamId = `flux-stream:${++this.#made}`;
    const entry = new FluxStream(session, call);
    const started = this.#deps.supervisor().startChild({
      id: streamId,
      logic: this.#logic,
      input: { streamId, queueMax: actorLimits.fluxPushesQueuedMax },
      restart: 'temporary',
    });
    if (started.kind === 'refused') {
      call.finish(status(StatusCode.Unavailable, `pushes cannot be listened to now: ${started.reason}`));
      return;
    }
    entry.ref = started.ref;
    this.#byId.set(streamId, entry);
    session.tenants.add(streamId, entry);
    entry.stopListening = this.#listen(entry, projects);
    call.stream.handler = {
      onMessage: () => {},
      onHalfClosed: () => {},
      onDrain: () => tell(entry.ref, { type: 'stream.drained' }),
      onClosed: (end) => tell(entry.ref, { type: 'call.closed', reason: end.kind }),
    };
    watch(started.ref, (exit) => {
      entry.stopListening();
      this.#byId.delete(streamId);
      session.tenants.delete(streamId);
      session.connection.memberChanged();
      if (exit.kind !== 'normal') {
        call.finish(status(StatusCode.Unavailable, 'the stream of pushes ended unexpectedly'));
        return;
      }
      const { code, message } = (exit.output as { readonly ending: { code: number; message: string } })
        .ending;
      call.finish(status(code as StatusCode, message));
    });
  }

  #listen(entry: FluxStream, projects: ReadonlySet<string>): () => void {
    const stops = [...projects].map((path) =>
      this.#deps.pushes.listen(path, (push) => tell(entry.ref, { type: 'push.noticed', push })),
    );
    return () => {
      for (const stop of stops) stop();
    };
  }

  #makeLogic(): AnyActorLogic {
    const { clock, log } = this.#deps;
    type Step = { readonly streamId: string; readonly push: FluxPush | undefined };
    return guarded(
      fluxStreamMachine.provide({
        actors: {
          verifyAndTell: fromPromise<FluxTold, Step>(async ({ input: { streamId, push }, signal }) => {
            const entry = this.#byId.get(streamId);
            if (entry === undefined || push === undefined) return { kind: 'denied' };
            return withDeadline(clock, signal, actorTimes.lookupMsMax, (bounded) =>
              this.#verifyAndTell(entry, push, bounded),
            );
          }),
        },
        actions: {
          drop: () => this.#dropped.inc(),
          report: (_, { streamId, reason }) => {
            const agentId = this.#byId.get(streamId)?.session.agent?.agentId;
            log.warn('Flux: access to a project cannot be checked, its push is skipped', {
              agent_id: agentId,
              reason,
            });
          },
        },
      }),
    );
  }

  async #verifyAndTell(entry: FluxStream, push: FluxPush, signal: AbortSignal): Promise<FluxTold> {
    const { gitlab, usage } = this.#deps;
    const { call, session } = entry;
    const access = await gitlab.verifyProjectAccess(session.token, push.projectPath, signal);
    if (access.kind === 'unavailable') return access;
    if (access.kind !== 'ok' || !access.value) return { kind: 'denied' }; // F1
    const response = create(ReconcileProjectsResponseSchema, { project: { id: push.projectPath } });
    const writable = call.stream.write(call.frame(encode(ReconcileProjectsResponseSchema, response)));
    this.#told.inc();
    usage.count('flux_git_push_notifications_total');
    usage.countUnique('flux_git_push_notified_unique_projects', push.projectId);
    return { kind: writable ? 'told' : 'full' };
  }
}

function refusalOf(session: AgentSession, projects: ReadonlySet<string>): RpcStatus | undefined {
  const { fluxStreamsPerSessionMax, fluxProjectsPerStreamMax } = actorLimits;
  let held = 0;
  for (const tenant of session.tenants.values()) if (tenant instanceof FluxStream) held++;
  if (held >= fluxStreamsPerSessionMax)
    return status(StatusCode.ResourceExhausted, `an agent may hold ${held} streams of pushes`);
  if (projects.size > fluxProjectsPerStreamMax) {
    const text = `at most ${fluxProjectsPerStreamMax} projects may be listened to, got ${projects.size}`;
    return status(StatusCode.InvalidArgument, text);
  }
  return undefined;
}
