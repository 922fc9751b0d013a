/**
 * The first words of an agent: `Register`, which says at once what kas and GitLab think of the token, and the first
 * configuration. The doctor registers as an agent does; the entry goes with its connection, at the latest when it expires.
 */
import { create } from '@bufbuild/protobuf';
import { agentMeta, agentName, type AgentkOptions, type BuildInfo } from '../../agentk/index.ts';
import { authorityOf, describe, refusalRemedies, type KasTarget } from '../../agentk/link/index.ts';
import { callServerStream, callUnary, type CallOptions } from '../../pipe/grpc/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import {
  ConfigurationRequestSchema,
  methods,
  RegisterRequestSchema,
  StatusCode,
  statusText,
  type ConfigurationResponse,
  type Metadata,
  type RpcStatus,
} from '../../protocol/index.ts';
import type { Report } from '../finding.ts';
import { doctorLimits } from '../limits.ts';
import { late, within } from '../within.ts';
import type { Reached } from './ascent.ts';

const part = 'kas';

/** Who is speaking. */
export interface Who {
  readonly token: string;
  readonly target: KasTarget;
  readonly headers: Metadata;
  readonly build: BuildInfo;
  readonly pod: AgentkOptions['pod'];
  readonly clock: Clock;
  readonly log: Log;
}

function callOptions({ target, build, clock, log }: Who): CallOptions {
  return { clock, log, userAgent: agentName(build), authority: authorityOf(target), gzip: true };
}

function metadataOf({ token, headers }: Who): Metadata {
  return new Map([...headers, ['authorization', [`Bearer ${token}`]]]);
}

/** A pod id of the doctor's own: not one an agent has. */
const podId = 1n;

/** Whether agentk could go on. */
export async function register(who: Who, reached: Reached, report: Report): Promise<boolean> {
  const { clock, build, pod } = who;
  const since = clock.monotonic();
  const request = create(RegisterRequestSchema, { agentMeta: agentMeta(build, pod, undefined), podId });
  const answer = await callUnary(reached.session, methods.register, request, metadataOf(who), {
    ...callOptions(who),
    deadlineMs: doctorLimits.callMs,
  });
  const tookMs = clock.monotonic() - since;
  if ('ok' in answer) {
    report.add({ part, rung: 'authentication', verdict: 'good', observed: 'GitLab knows the token', tookMs });
    report.add({ part, rung: 'registration', verdict: 'good', observed: 'kas took the registration' });
    return true;
  }
  const broken = await refusal(answer.status, reached);
  report.add({ part, verdict: 'bad', tookMs, ...broken });
  return false;
}

/** It is the token, not what was asked for with it: one may be revoked between two calls. */
function isRefusal({ code, message }: RpcStatus): boolean {
  return (
    code === StatusCode.Unauthenticated ||
    code === StatusCode.PermissionDenied ||
    (code === StatusCode.NotFound && message === 'agent not found')
  );
}

interface Broken {
  readonly rung: string;
  readonly observed: string;
  readonly remedy: string;
}

/** What a status of `Register` means. */
async function refusal(status: RpcStatus, reached: Reached): Promise<Broken> {
  const observed = statusText(status);
  switch (status.code) {
    case StatusCode.Unauthenticated:
    case StatusCode.PermissionDenied:
    case StatusCode.NotFound:
      return { rung: 'authentication', observed, remedy: refusalRemedies[status.code] ?? '' };
    case StatusCode.ResourceExhausted:
      return {
        rung: 'authentication',
        observed,
        remedy: 'Too many calls with this token in this minute: find out who else uses it, or wait a minute',
      };
    case StatusCode.Unimplemented:
    case StatusCode.InvalidArgument:
    case StatusCode.FailedPrecondition:
      return {
        rung: 'registration',
        observed,
        remedy:
          'kas does not take the registration of this version: agent and kas are too far apart. ' +
          'Bring agentk to the version of GitLab',
      };
    default:
      return reached.isSentAway() || reached.session.destroyed
        ? sentAway(reached, observed)
        : {
            rung: 'authentication',
            observed,
            remedy: 'kas answers but cannot ask GitLab or its Redis at the moment: look at the log of kas',
          };
  }
}

/** A connection that ended under a call. */
async function sentAway(reached: Reached, otherwise: string): Promise<Broken> {
  const rung = 'HTTP/2';
  if (reached.isSentAway()) return { rung, observed: drainingText, remedy: drainingRemedy };
  const failure = await reached.lost;
  const { reason, remedy } = describe(failure);
  return { rung, observed: `${reason} (${otherwise})`, remedy };
}

export const drainingText =
  'kas asks agents to go elsewhere: it is stopping, or this connection has had its time';
export const drainingRemedy =
  'Nothing is to be mended when kas is being restarted: agents come back by themselves; try again';

/** Whether kas gave a configuration. */
export async function configure(who: Who, reached: Reached, report: Report): Promise<boolean> {
  const { clock } = who;
  const rung = 'configuration';
  const since = clock.monotonic();
  const first = await within(clock, doctorLimits.configurationMs, (signal) =>
    firstConfiguration(who, reached, signal),
  );
  const tookMs = clock.monotonic() - since;
  const bad = (observed: string, remedy: string) => {
    report.add({ part, rung, verdict: 'bad', observed, remedy, tookMs });
    return false;
  };
  if (first === late) {
    return bad(
      'kas sent no configuration in time',
      'kas may not reach the repository: look at the log of kas for Gitaly or the remote',
    );
  }
  if ('code' in first) {
    if (reached.isSentAway() || reached.session.destroyed) {
      report.add({ part, verdict: 'bad', tookMs, ...(await sentAway(reached, statusText(first))) });
      return false;
    }
    if (isRefusal(first)) {
      report.add({ part, verdict: 'bad', tookMs, ...(await refusal(first, reached)) });
      return false;
    }
    return bad(
      statusText(first),
      'Mend .gitlab/agents/<agent name>/config.yaml on the default branch of the configuration project of the agent',
    );
  }
  const { agentId, projectPath } = first.configuration ?? { agentId: 0n, projectPath: '' };
  const where = projectPath === '' ? '' : ` of ${projectPath}`;
  const observed = `agent ${agentId}${where}, commit ${first.commitId.slice(0, 12)}`;
  report.add({ part, rung, verdict: 'good', observed, tookMs });
  return true;
}

function firstConfiguration(
  who: Who,
  { session }: Reached,
  signal: AbortSignal,
): Promise<ConfigurationResponse | RpcStatus> {
  const request = create(ConfigurationRequestSchema, {
    agentMeta: agentMeta(who.build, who.pod, undefined),
    skipRegister: true,
  });
  return new Promise((resolve) => {
    const call = callServerStream(
      session,
      methods.getConfiguration,
      request,
      metadataOf(who),
      callOptions(who),
      // The stream stays open: it is what a connection that is kept idle has on it.
      { onMessage: resolve, onClosed: resolve },
    );
    signal.addEventListener('abort', () => call.cancel('the doctor has waited long enough'), { once: true });
  });
}

/** `vMAJOR.MINOR...` of both, where the server says its own. */
export function compareVersions(agent: string, server: string, report: Report): void {
  const kas = /^gitlab-kas\/(v\d+\.\d+[^/]*)/.exec(server)?.[1];
  if (kas === undefined) return;
  const rung = 'version';
  const observed = `agentk is ${agent}, kas is ${kas}`;
  const [own, its] = [minorsOf(agent), minorsOf(kas)];
  if (own === undefined || its === undefined || own === its || own === its - 1) {
    report.add({ part, rung, verdict: 'good', observed });
  } else {
    const remedy =
      own < its
        ? 'agentk is older than kas: bring it to the version of GitLab, one minor version behind is still good'
        : 'agentk is newer than kas: agents should not be newer than GitLab';
    report.add({ part, rung, verdict: 'note', observed, remedy });
  }
}

/** A number that orders versions; undefined for builds without one. */
function minorsOf(version: string): number | undefined {
  const [, major = '0', minor = '0'] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const both = Number(major) * 1_000 + Number(minor);
  return both === 0 ? undefined : both;
}
