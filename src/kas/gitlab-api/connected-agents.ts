/**
 * `AgentTracker`: GitLab asks which agents are connected (`spec/gitlab.md §2.2`), in the words of every age of it (§2.3). Each
 * answer is what the store says now; the answer to several agents is complete or an error, never a part.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { unaryHandler, type CallHandler } from '../../pipe/grpc/index.ts';
import type { ConnectedAgent, Log, Store } from '../../ports/index.ts';
import {
  ConnectedAgentInfoSchema,
  GetConnectedAgentksByAgentIDsRequestSchema,
  GetConnectedAgentksByAgentIDsResponseSchema,
  GetConnectedAgentsByAgentIDsRequestSchema,
  GetConnectedAgentsByAgentIDsResponseSchema,
  GetConnectedAgentsRequestSchema,
  GetConnectedAgentsResponseSchema,
  status,
  StatusCode,
  type ConnectedAgentInfo,
  type RpcStatus,
} from '../../protocol/index.ts';
import { apiLimits } from './limits.ts';

export interface ConnectedAgentsDeps {
  readonly store: Store;
  readonly log: Log;
}

type Found =
  | { readonly kind: 'found'; readonly agents: ConnectedAgentInfo[] }
  | { readonly kind: 'refused'; readonly status: RpcStatus };

export function getConnectedAgentsHandler(deps: ConnectedAgentsDeps): CallHandler {
  return unaryHandler(
    GetConnectedAgentsRequestSchema,
    GetConnectedAgentsResponseSchema,
    async ({ request }) => {
      const { store } = deps;
      const found =
        request.case === 'projectId'
          ? await read(deps, 'GetConnectionsByProjectId() failed', () => store.agentsByProject(request.value))
          : await read(deps, 'GetConnectionsByAgentId() failed', () => store.agentsById(request.value ?? 0n));
      if (found.kind === 'refused') return { status: found.status };
      return { ok: create(GetConnectedAgentsResponseSchema, { agents: found.agents }) };
    },
  );
}

/** The newer name. */
export function getConnectedAgentsByAgentIDsHandler(deps: ConnectedAgentsDeps): CallHandler {
  return unaryHandler(
    GetConnectedAgentsByAgentIDsRequestSchema,
    GetConnectedAgentsByAgentIDsResponseSchema,
    async ({ agentIds }) => {
      const found = await byAgentIds(deps, agentIds);
      if (found.kind === 'refused') return { status: found.status };
      return { ok: create(GetConnectedAgentsByAgentIDsResponseSchema, { agents: found.agents }) };
    },
  );
}

/** The newest name. */
export function getConnectedAgentksByAgentIDsHandler(deps: ConnectedAgentsDeps): CallHandler {
  return unaryHandler(
    GetConnectedAgentksByAgentIDsRequestSchema,
    GetConnectedAgentksByAgentIDsResponseSchema,
    async ({ agentIds }) => {
      const found = await byAgentIds(deps, agentIds);
      if (found.kind === 'refused') return { status: found.status };
      return { ok: create(GetConnectedAgentksByAgentIDsResponseSchema, { agents: found.agents }) };
    },
  );
}

function byAgentIds(deps: ConnectedAgentsDeps, agentIds: readonly bigint[]): Promise<Found> {
  const asked = [...new Set(agentIds)];
  if (asked.length > apiLimits.agentIdsMax) {
    const text = `at most ${apiLimits.agentIdsMax} agents may be asked about at once, got ${asked.length}`;
    return Promise.resolve({ kind: 'refused', status: status(StatusCode.InvalidArgument, text) });
  }
  return read(deps, 'GetConnectionsByAgentId() failed', async () => {
    const each = await Promise.all(asked.map((agentId) => deps.store.agentsById(agentId)));
    return each.flat();
  });
}

async function read(
  { log }: ConnectedAgentsDeps,
  failure: string,
  ask: () => Promise<readonly ConnectedAgent[]>,
): Promise<Found> {
  try {
    return { kind: 'found', agents: (await ask()).map(connectedAgentInfo) };
  } catch (error) {
    log.error(failure, { error: error as Error });
    return { kind: 'refused', status: status(StatusCode.Unavailable, failure) };
  }
}

function connectedAgentInfo(agent: ConnectedAgent): ConnectedAgentInfo {
  const { version, commitId, podNamespace, podName, kubernetes } = agent;
  return create(ConnectedAgentInfoSchema, {
    agentMeta: {
      version,
      commitId,
      podNamespace,
      podName,
      kubernetesVersion: kubernetes,
    },
    connectedAt: timestampFromMs(agent.connectedAt),
    connectionId: agent.connectionId,
    agentId: agent.agentId,
    projectId: agent.projectId,
  });
}
