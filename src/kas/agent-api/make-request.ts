/**
 * `GitlabAccess/MakeRequest`: a module of an agent calls its counterpart in GitLab through kas (`spec/kas.md §4.3`). kas lends
 * the agent its own signature for `modules/<name>/` and nothing else; whether the agent may is GitLab's to say, so its token
 * is not looked up here: a bad one is answered by GitLab's 401, as an HTTP answer.
 */
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { actorLimits, actorTimes, type AgentSessions } from '../../actors/index.ts';
import type { CallHandler, ServerCall } from '../../pipe/grpc/index.ts';
import { ModuleExchange, type ModuleRequestHead } from '../../pipe/http/index.ts';
import type { Clock, GitLab, Metrics } from '../../ports/index.ts';
import {
  GitlabHeaderExtraSchema,
  headersFromMap,
  headersToMap,
  status,
  StatusCode,
} from '../../protocol/index.ts';

export interface MakeRequestDeps {
  readonly sessions: AgentSessions;
  readonly gitlab: Pick<GitLab, 'moduleRequest'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export function makeRequestHandler(deps: MakeRequestDeps): CallHandler {
  let underWay = 0;
  deps.metrics.observed(
    { name: 'kas_module_requests', help: 'Requests of agents to GitLab under way' },
    () => underWay,
  );
  deps.metrics.observed(
    { name: 'kas_module_requests_max', help: 'Bound of kas_module_requests' },
    () => actorLimits.moduleRequestsMax,
  );
  return (call) => {
    deps.sessions.admitToken(call, (admission) => {
      if (admission.kind === 'refused') return call.finish(admission.status);
      if (underWay >= actorLimits.moduleRequestsMax) return call.finish(tooMany);
      underWay += 1;
      serve(deps, call, admission.token, () => (underWay -= 1));
    });
  };
}

function serve({ gitlab, clock }: MakeRequestDeps, call: ServerCall, token: string, ended: () => void): void {
  call.compressAnswers();
  const timer = clock.setTimeout(() => exchange.fail(tooLong), actorTimes.moduleRequestMsMax);
  const exchange: ModuleExchange = new ModuleExchange(call, {
    onHead: (head) => {
      forward(gitlab, token, head, exchange).catch((error: unknown) => call.crash(error));
    },
    onClosed: () => {
      clock.clearTimeout(timer);
      ended();
    },
  });
  call.stream.handler = exchange;
}

async function forward(
  gitlab: MakeRequestDeps['gitlab'],
  agentToken: string,
  head: ModuleRequestHead,
  exchange: ModuleExchange,
): Promise<void> {
  const moduleName = moduleNameOf(head);
  if (moduleName === undefined) return exchange.refuse('the request does not name its module');
  const { request } = head;
  if (request === undefined) throw new Error('the request was not validated');
  if (Object.hasOwn(request.header, 'Upgrade')) return exchange.refuse('connection upgrade is not supported');
  const result = await gitlab.moduleRequest(
    {
      agentToken,
      moduleName,
      method: request.method,
      urlPath: request.urlPath,
      query: new Map(Object.entries(request.query).map(([key, { value }]) => [key, value])),
      headers: headersFromMap(request.header),
      body: exchange.body,
    },
    exchange.signal,
  );
  if (result.kind !== 'ok') return exchange.refuse(result.reason);
  const { statusCode, statusText, headers, body } = result.value;
  await exchange.answer({
    statusCode,
    status: `${statusCode} ${statusText}`,
    header: headersToMap(headers),
    body,
  });
}

function moduleNameOf({ extra }: ModuleRequestHead): string | undefined {
  if (extra === undefined) return undefined;
  try {
    return anyUnpack(extra, GitlabHeaderExtraSchema)?.moduleName;
  } catch {
    return undefined; // not what its type says
  }
}

const tooMany = status(StatusCode.ResourceExhausted, 'too many requests of agents to GitLab are under way');
const tooLong = status(StatusCode.DeadlineExceeded, 'gRPC -> HTTP: the request took too long');
