/**
 * GitLab Rails as the GitLab port, over its internal REST API (`spec/gitlab.md §1`).
 *
 * 1. Questions that are polled anyway are asked once; the others are repeated while GitLab is in trouble (`§1.3`).
 * 2. A 401 because of the signature is kas's own trouble, not the agent's: it is `unavailable`, so no agent is told that
 *    its token is bad and nobody remembers a refusal.
 * 3. A question asked once is asked again when it died with its connection, as HTTP clients do: GitLab may have closed a
 *    kept-alive one just then.
 * 4. Tokens and secrets are in headers and bodies only, never in a reason or a log line.
 */
import { create, toJsonString, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { Readable } from 'node:stream';
import type {
  AgentEvents,
  AgentInfo,
  AllowedAgentsForJob,
  AuthorizedProxyUser,
  AuthorizeProxyUserRequest,
  Clock,
  GitLab,
  GitLabResult,
  Log,
  ModuleAnswer,
  ModuleRequest,
  ProjectInfo,
  UsageReport,
} from '../../ports/index.ts';
import {
  ApiAllowedAgentsForJobSchema,
  ApiAuthorizeProxyUserRequestSchema,
  AuthorizeProxyUserResponseSchema,
  cleanResponseHeaders,
  GetAgentInfoResponseSchema,
  GetProjectInfoResponseSchema,
} from '../../protocol/index.ts';
import type { GitLabAddress } from './address.ts';
import { readMessage, readWords, refusalOf } from './answers.ts';
import type { Connections } from './connections.ts';
import { exchange, type ExchangeAnswer, type ExchangeOutcome } from './exchange.ts';
import { failureOf } from './failure.ts';
import { discard, type GitLabCalls } from './gitlab-calls.ts';
import { restLimits } from './limits.ts';
import { agentInfoOf, allowedAgentsOf, authorizedUserOf, projectInfoOf } from './mapping.ts';
import { moduleBody, moduleHeaders, modulePath } from './module-request.ts';
import { shownText } from './shown-text.ts';
import { agentCredentials, isSendable, signature, type ReadSecret } from './signature.ts';

export interface RestGitLabParts {
  readonly address: GitLabAddress;
  readonly connections: Connections;
  readonly calls: GitLabCalls;
  readonly secret: ReadSecret;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A question as HTTP. */
interface Call {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly query?: ReadonlyMap<string, readonly string[]>;
  /** Names and values in turn, besides those every question has. */
  readonly headers: readonly string[];
  readonly body?: Parameters<typeof exchange>[1]['body'];
  readonly triesMax: number;
  /** All but one question are signed by kas. */
  readonly isSigned: boolean;
}

const internal = '/api/v4/internal/kubernetes';
const agentInfoPaths = [`${internal}/agent_info`, '/api/v4/internal/agents/agentk/agent_info'] as const;
const json = ['Accept', 'application/json'];
const jsonBody = ['Content-Type', 'application/json'];
const unsendable = { kind: 'unauthenticated', reason: 'the token has characters no token has' } as const;
const noHopHeaders: ReadonlySet<string> = new Set();
const badSignature = 'KAS JWT authentication invalid';

/** A result, and whether GitLab has no route of that path. */
type Routed<T> = { readonly result: GitLabResult<T>; readonly isNoRoute: boolean };

export class RestGitLab implements GitLab {
  readonly #parts: RestGitLabParts;
  /** Which of `agentInfoPaths` this GitLab has; the other is tried when it turns out to have the other. */
  #agentInfoPath = 0;
  /** The last trouble of ours that was told. */
  #told = '';

  constructor(parts: RestGitLabParts) {
    this.#parts = parts;
  }

  async agentInfo(agentToken: string, signal: AbortSignal): Promise<GitLabResult<AgentInfo>> {
    const ask = (index: number): Promise<Routed<AgentInfo>> => {
      const path = agentInfoPaths[index] ?? agentInfoPaths[0];
      const headers = [...json, ...agentCredentials(agentToken, path.startsWith(internal))];
      const call = { name: 'agent_info', method: 'GET', path, headers, triesMax: 1, isSigned: true };
      return this.#read(call, GetAgentInfoResponseSchema, agentInfoOf, signal);
    };
    if (!isSendable(agentToken)) return unsendable;
    const preferred = this.#agentInfoPath;
    const first = await ask(preferred);
    if (!first.isNoRoute) return first.result;
    const second = await ask(1 - preferred);
    if (second.isNoRoute) return first.result;
    this.#agentInfoPath = 1 - preferred;
    return second.result;
  }

  async projectInfo(
    agentToken: string,
    projectPath: string,
    signal: AbortSignal,
  ): Promise<GitLabResult<ProjectInfo>> {
    if (!isSendable(agentToken)) return unsendable;
    const call = this.#projectCall('project_info', agentToken, projectPath, json);
    return (await this.#read(call, GetProjectInfoResponseSchema, projectInfoOf, signal)).result;
  }

  async verifyProjectAccess(
    agentToken: string,
    projectPath: string,
    signal: AbortSignal,
  ): Promise<GitLabResult<boolean>> {
    if (!isSendable(agentToken)) return { kind: 'ok', value: false };
    const call = this.#projectCall('verify_project_access', agentToken, projectPath, []);
    const result = await this.#confirm(call, signal);
    if (result.kind === 'unavailable') return result;
    return { kind: 'ok', value: result.kind === 'ok' };
  }

  async allowedAgents(jobToken: string, signal: AbortSignal): Promise<GitLabResult<AllowedAgentsForJob>> {
    if (!isSendable(jobToken)) return unsendable;
    const call: Call = {
      name: 'allowed_agents',
      method: 'GET',
      path: '/api/v4/job/allowed_agents',
      headers: [...json, 'Job-Token', jobToken],
      triesMax: restLimits.triesMax,
      isSigned: false,
    };
    return (await this.#read(call, ApiAllowedAgentsForJobSchema, allowedAgentsOf, signal)).result;
  }

  async authorizeProxyUser(
    { agentId, accessType, accessKey, csrfToken }: AuthorizeProxyUserRequest,
    signal: AbortSignal,
  ): Promise<GitLabResult<AuthorizedProxyUser>> {
    if (agentId <= 0n) return { kind: 'notFound', reason: 'no agent has this id' };
    const message = create(ApiAuthorizeProxyUserRequestSchema, { agentId, accessType, accessKey, csrfToken });
    const body = Buffer.from(toJsonString(ApiAuthorizeProxyUserRequestSchema, message));
    const call: Call = { ...this.#post('authorize_proxy_user', body), triesMax: restLimits.triesMax };
    const schema = AuthorizeProxyUserResponseSchema;
    const { result } = await this.#read(call, schema, authorizedUserOf, signal, 400);
    if (result.kind !== 'ok') return result;
    const { value } = result;
    return value === undefined
      ? { kind: 'unavailable', reason: 'GitLab grants access in a way this kas does not know' }
      : { kind: 'ok', value };
  }

  reportAgentConfiguration(
    agentId: bigint,
    configurationJson: object,
    signal: AbortSignal,
  ): Promise<GitLabResult<undefined>> {
    // Protojson: a 64-bit number is text (`spec/gitlab.md §1.8`).
    const body = { agent_id: String(agentId), agent_config: configurationJson };
    const call = this.#post('agent_configuration', Buffer.from(JSON.stringify(body)));
    return this.#confirm({ ...call, triesMax: restLimits.triesMax }, signal);
  }

  reportUsage(
    { counters, uniqueCounters }: UsageReport,
    signal: AbortSignal,
  ): Promise<GitLabResult<undefined>> {
    const body = {
      ...(Object.keys(counters).length === 0 ? {} : { counters }),
      ...(Object.keys(uniqueCounters).length === 0 ? {} : { unique_counters: uniqueCounters }),
    };
    return this.#confirm(this.#post('usage_metrics', plainJson(body)), signal);
  }

  reportEvents(events: AgentEvents, signal: AbortSignal): Promise<GitLabResult<undefined>> {
    return this.#confirm(this.#post('agent_events', plainJson({ events })), signal);
  }

  async moduleRequest(request: ModuleRequest, signal: AbortSignal): Promise<GitLabResult<ModuleAnswer>> {
    if (!isSendable(request.agentToken)) return unsendable;
    const located = modulePath(request);
    if ('fault' in located) return { kind: 'unavailable', reason: located.fault };
    const headers = moduleHeaders(request.headers);
    if (headers === undefined) return { kind: 'unavailable', reason: 'connection upgrade is not supported' };
    let content;
    try {
      content = await moduleBody(request.body, signal);
    } catch (error) {
      return { kind: 'unavailable', reason: `the request broke off: ${failureOf(error).reason}` };
    }
    const outcome = await this.#ask(
      {
        name: 'module',
        method: request.method === '' ? 'GET' : request.method,
        path: located.path,
        query: request.query,
        headers: [...headers, ...agentCredentials(request.agentToken, true)],
        body: content.body,
        triesMax: content.isRepeatable ? restLimits.triesMax : 1,
        isSigned: true,
      },
      signal,
    );
    if (outcome.kind === 'failed') {
      if (content.body instanceof Readable) content.body.destroy();
      return { kind: 'unavailable', reason: outcome.reason };
    }
    const { statusCode, statusText, body } = outcome;
    const answered = cleanResponseHeaders(outcome.headers, noHopHeaders);
    return { kind: 'ok', value: { statusCode, statusText, headers: answered, body } };
  }

  #projectCall(name: string, agentToken: string, projectPath: string, accept: readonly string[]): Call {
    return {
      name,
      method: 'GET',
      path: `${internal}/${name}`,
      query: new Map([['id', [projectPath]]]),
      headers: [...accept, ...agentCredentials(agentToken, true)],
      triesMax: 1,
      isSigned: true,
    };
  }

  #post(name: string, body: Buffer): Call {
    const path = `${internal}/${name}`;
    return { name, method: 'POST', path, headers: [...json, ...jsonBody], body, triesMax: 1, isSigned: true };
  }

  /** A question whose answer is a message. `refusedAlso`: a further status that means 401. */
  async #read<Desc extends DescMessage, T>(
    call: Call,
    schema: Desc,
    map: (message: MessageShape<Desc>) => T,
    signal: AbortSignal,
    refusedAlso?: number,
  ): Promise<Routed<T>> {
    const outcome = await this.#ask(call, signal);
    const routed = (result: GitLabResult<T>): Routed<T> => ({ result, isNoRoute: false });
    if (outcome.kind === 'failed') return routed({ kind: 'unavailable', reason: outcome.reason });
    if (outcome.statusCode === 200 || outcome.statusCode === 201) {
      const read = await readMessage(schema, outcome);
      if (read.kind === 'ok') return routed({ kind: 'ok', value: map(read.message) });
      const reason = `unusable answer of GitLab for path ${call.path}: ${read.reason}`;
      if (!signal.aborted) this.#tell(reason);
      return routed({ kind: 'unavailable', reason });
    }
    return this.#refused(call, outcome, refusedAlso);
  }

  /** A question whose answer is that it was taken. */
  async #confirm(call: Call, signal: AbortSignal): Promise<GitLabResult<undefined>> {
    const outcome = await this.#ask(call, signal);
    if (outcome.kind === 'failed') return { kind: 'unavailable', reason: outcome.reason };
    if (outcome.statusCode !== 200 && outcome.statusCode !== 204)
      return (await this.#refused<undefined>(call, outcome)).result;
    discard(outcome.body);
    return { kind: 'ok', value: undefined };
  }

  async #refused<T>(
    { path, isSigned }: Call,
    answer: ExchangeAnswer,
    refusedAlso?: number,
  ): Promise<Routed<T>> {
    const statusCode = answer.statusCode === refusedAlso ? 401 : answer.statusCode;
    const { text, isNoRoute } = await readWords(answer);
    if (isSigned && statusCode === 401 && text === badSignature) {
      const reason =
        'GitLab does not accept the signature of kas: gitlab.authentication_secret_file must hold the secret GitLab has, and the clocks must agree';
      this.#tell(reason); // 2
      return { result: { kind: 'unavailable', reason }, isNoRoute };
    }
    // To the owners of job tokens the originals say nothing more than the status.
    return { result: refusalOf(statusCode, path, isSigned ? text : ''), isNoRoute };
  }

  #ask({ name, method, path, query, headers, body, triesMax, isSigned }: Call, signal: AbortSignal) {
    const { calls, address, connections, clock, userAgent } = this.#parts;
    const target = address.target(path, query);
    const attempt = async (bounded: AbortSignal): Promise<ExchangeOutcome> => {
      const signed = isSigned ? await this.#signature() : [];
      if ('reason' in signed) return { kind: 'failed', again: false, reason: signed.reason };
      const all = [...headers, ...signed, 'User-Agent', userAgent];
      const request = { origin: address.origin, method, target, headers: all, body };
      const first = await exchange(connections.current, request, clock, bounded);
      const isStale = first.kind === 'failed' && first.isLost === true && method === 'GET' && triesMax === 1;
      return isStale ? exchange(connections.current, request, clock, bounded) : first; // 3
    };
    return calls.run({ name, triesMax, attempt }, signal);
  }

  async #signature(): Promise<readonly string[] | { readonly reason: string }> {
    try {
      return await signature(this.#parts.secret, this.#parts.clock.now());
    } catch (error) {
      const text = shownText(error instanceof Error ? error.message : String(error));
      const reason = `the secret shared with GitLab cannot be used: ${text}`;
      this.#tell(reason);
      return { reason };
    }
  }

  /** One line per trouble, not per question. */
  #tell(reason: string): void {
    if (reason === this.#told) return;
    this.#told = reason;
    this.#parts.log.error('Questions to GitLab fail', { reason });
  }
}

/** JSON whose 64-bit numbers are numbers. */
function plainJson(value: object): Buffer {
  const plain = (_key: string, one: unknown) => (typeof one === 'bigint' ? Number(one) : one);
  return Buffer.from(JSON.stringify(value, plain));
}
