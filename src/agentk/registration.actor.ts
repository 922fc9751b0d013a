/**
 * The registration actor: `statecharts/registration.ts` with the real `Register` call. The Kubernetes version is asked
 * anew each time; when it cannot be had, the last known one is sent (`spec/agentk.md §3.6`).
 */
import { create } from '@bufbuild/protobuf';
import { fromPromise } from 'xstate';
import type { AnyActorLogic } from 'xstate';
import { callUnary } from '../pipe/grpc/index.ts';
import type { Clock, Log, Random } from '../ports/index.ts';
import {
  AgentMetaSchema,
  methods,
  RegisterRequestSchema,
  StatusCode,
  statusText,
} from '../protocol/index.ts';
import type { AgentMeta } from '../protocol/index.ts';
import { guarded } from '../supervisor/index.ts';
import {
  registrationBackoffMs,
  registrationDelays,
  registrationMachine,
  type RegisterOutcome,
} from '../../statecharts/index.ts';
import type { BuildInfo } from './build-info.ts';
import type { KasCaller } from './kas-caller.ts';
import type { KubernetesVersion } from './kubernetes/index.ts';
import { agentkLimits } from './limits.ts';
import { followLink, noticeLink } from './link/index.ts';
import type { LinkBoard } from './link/index.ts';

/** Where this pod runs. */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
}

export interface RegistrationDeps {
  readonly board: LinkBoard;
  readonly caller: KasCaller;
  readonly build: BuildInfo;
  readonly pod: PodIdentity;
  /** Random, non-negative, constant for the life of the process. */
  readonly podId: bigint;
  readonly kubernetesVersion: (signal: AbortSignal) => Promise<KubernetesVersion | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What agentk says about itself in `Register` and `GetConfiguration`. */
export function agentMeta(
  build: BuildInfo,
  pod: PodIdentity,
  kubernetesVersion: KubernetesVersion | undefined,
): AgentMeta {
  return create(AgentMetaSchema, {
    version: build.version,
    commitId: build.commit,
    podNamespace: pod.namespace,
    podName: pod.name,
    ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
  });
}

/** The registration's logic; its input is `{ registrationId }`. */
export function createRegistrationLogic(deps: RegistrationDeps): AnyActorLogic {
  const { board, random, log } = deps;
  const register = registrar(deps);
  const logic = registrationMachine.provide({
    actors: {
      link: followLink(board),
      register: fromPromise(({ input, signal }) => register(input.incarnation, signal)),
    },
    actions: {
      awaitLink: noticeLink(board),
      reportCrash: (_, { reason }) => log.error('Registration failed unexpectedly', { reason }),
    },
    delays: {
      backoff: ({ context }) =>
        registrationBackoffMs(context.failures) * (1 + random.next() * registrationDelays.backoffJitter),
    },
  });
  return guarded(logic);
}

function registrar({ board, caller, build, pod, podId, kubernetesVersion, clock, log }: RegistrationDeps) {
  let lastVersion: KubernetesVersion | undefined;
  return async (incarnation: number, signal: AbortSignal): Promise<RegisterOutcome> => {
    lastVersion = (await kubernetesVersion(signal)) ?? lastVersion;
    const live = board.current;
    if (live?.incarnation !== incarnation) return { kind: 'lost' };
    const request = create(RegisterRequestSchema, { agentMeta: agentMeta(build, pod, lastVersion), podId });
    const answer = await callUnary(live.session, methods.register, request, caller.metadata, {
      ...caller.options,
      gzip: true,
      deadlineMs: agentkLimits.registerMs,
      signal,
    });
    if ('ok' in answer) {
      board.noteStatus(incarnation, { code: StatusCode.OK, message: '' });
      return { kind: 'registered' };
    }
    board.noteStatus(incarnation, answer.status);
    if (board.current?.incarnation !== incarnation) return { kind: 'lost' };
    log.warn('Failed to register the agent pod; check that agentk and kas have matching versions', {
      reason: statusText(answer.status),
    });
    return { kind: 'failed', atMs: clock.monotonic() };
  };
}
