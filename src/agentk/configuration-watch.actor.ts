/**
 * The configuration actor: `statecharts/configuration-watch.ts` with the real `GetConfiguration` stream. A configuration
 * is looked at here (does it still belong to this agent?), given to the modules, and then only its commit is an event.
 */
import { create } from '@bufbuild/protobuf';
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import { callServerStream } from '../pipe/grpc/index.ts';
import type { Clock, Log, Random } from '../ports/index.ts';
import { ConfigurationRequestSchema, methods, ok, StatusCode, statusText } from '../protocol/index.ts';
import type { AgentMeta, ConfigurationResponse, RpcStatus } from '../protocol/index.ts';
import { guarded } from '../supervisor/index.ts';
import {
  configurationBackoffMs,
  configurationWatchDelays,
  configurationWatchMachine,
  type ConfigurationVerdict,
} from '../../statecharts/index.ts';
import type { AgentIdentityKeeper } from './agent-identity.ts';
import type { KasCaller } from './kas-caller.ts';
import { followLink, noticeLink, type LinkBoard } from './link/index.ts';
import type { ModuleHost } from './modules/index.ts';
import { OncePerChange } from './once-per-change.ts';

export interface ConfigurationWatchDeps {
  readonly board: LinkBoard;
  readonly caller: KasCaller;
  readonly meta: AgentMeta;
  readonly identity: AgentIdentityKeeper;
  readonly modules: Pick<ModuleHost, 'apply'>;
  /** The agent became another one: the daemon has to start again. */
  readonly onIdentityChanged: (reason: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The watch's logic; its input is `{ watchId }`. It ends by itself only when the agent's identity changed. */
export function createConfigurationWatchLogic(deps: ConfigurationWatchDeps): AnyActorLogic {
  const { board, random } = deps;
  const stream = new ConfigurationStream(deps);
  const logic = configurationWatchMachine.provide({
    actors: {
      link: followLink(board, () => stream.close()),
    },
    actions: {
      awaitLink: noticeLink(board),
      openStream: ({ self }, params) => stream.open(params, self),
      reportReplaced: (_, { reason }) => deps.onIdentityChanged(reason),
    },
    delays: {
      backoff: ({ context }) =>
        configurationBackoffMs(context.failures) *
        (1 + random.next() * configurationWatchDelays.backoffJitter),
    },
  });
  return guarded(logic);
}

interface Opening {
  readonly stream: number;
  readonly incarnation: number;
  readonly commitId: string;
}

/** The one stream there is at a time. */
class ConfigurationStream {
  readonly #deps: ConfigurationWatchDeps;
  readonly #troubles = new OncePerChange();
  #cancel: (reason: string) => void = () => {};

  constructor(deps: ConfigurationWatchDeps) {
    this.#deps = deps;
  }

  open({ stream, incarnation, commitId }: Opening, watch: AnyActorRef): void {
    const { board, caller, meta, clock } = this.#deps;
    this.close();
    const openedAt = clock.monotonic();
    let closed = false;
    const end = (verdict: ConfigurationVerdict) => {
      if (closed) return;
      const atMs = clock.monotonic();
      watch.send({ type: 'stream.ended', stream, verdict, atMs, livedMs: atMs - openedAt });
    };
    const live = board.current;
    if (live?.incarnation !== incarnation) return end('lost');
    const request = create(ConfigurationRequestSchema, { commitId, agentMeta: meta, skipRegister: true });
    const call = callServerStream(
      live.session,
      methods.getConfiguration,
      request,
      caller.metadata,
      { ...caller.options, gzip: true },
      {
        onMessage: (response) => {
          board.noteStatus(incarnation, ok);
          this.#take(response, stream, watch);
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
    this.#cancel('configuration watch ended');
    this.#cancel = () => {};
  }

  #take({ configuration, commitId }: ConfigurationResponse, stream: number, watch: AnyActorRef): void {
    const { identity, modules, log } = this.#deps;
    this.#troubles.forget();
    if (configuration === undefined) {
      log.error('kas sent a configuration message without configuration', { commit_id: commitId });
      return;
    }
    const verdict = identity.check(configuration.agentId, configuration.gitlabExternalUrl);
    if (verdict.kind === 'changed') {
      watch.send({ type: 'identity.changed', stream, reason: verdict.reason });
      return;
    }
    if (verdict.kind === 'invalid') {
      log.error('Received an unusable configuration', { commit_id: commitId, reason: verdict.reason });
      return;
    }
    const applied = modules.apply(configuration);
    if (applied.kind === 'refused') {
      log.error('Failed to apply configuration', { commit_id: commitId, reason: applied.reason });
    } else log.info('Applied configuration', { commit_id: commitId });
    // Remembered also when refused: the same commit would be refused again (spec/agentk.md §3.1).
    watch.send({ type: 'configuration.processed', stream, commitId });
  }

  #verdict(outcome: RpcStatus, incarnation: number): ConfigurationVerdict {
    const { board, log } = this.#deps;
    if (outcome.code === StatusCode.OK) return 'finished';
    board.noteStatus(incarnation, outcome);
    if (board.current?.incarnation !== incarnation) return 'lost';
    if (outcome.code === StatusCode.Canceled || outcome.code === StatusCode.DeadlineExceeded) return 'failed';
    const reason = statusText(outcome);
    if (this.#troubles.changed(reason) === undefined) log.debug('No configuration from kas', { reason });
    else log.warn('No configuration from kas, keeping the present one', { reason });
    return 'failed';
  }
}
