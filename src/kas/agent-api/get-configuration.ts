/** `AgentConfiguration/GetConfiguration`: the stream of an agent's configuration (`spec/kas.md §4.1`). */
import type { AgentSessions, ConfigWatches } from '../../actors/index.ts';
import type { CallHandler } from '../../pipe/grpc/index.ts';
import type { Random } from '../../ports/index.ts';
import { ConfigurationRequestSchema } from '../../protocol/index.ts';
import { admittedRequest } from './admitted-request.ts';

export function getConfigurationHandler(deps: {
  readonly sessions: AgentSessions;
  readonly watches: ConfigWatches;
  readonly random: Random;
}): CallHandler {
  return admittedRequest(deps.sessions, ConfigurationRequestSchema, true, (request, call, session) => {
    // Agents from before Register are known by this stream alone. That it fails is logged, and tried again.
    if (!request.skipRegister && session.pod === undefined) {
      void session.announce({ podId: deps.random.int63(), meta: request.agentMeta });
    }
    deps.watches.start(call, session, request.commitId);
  });
}
