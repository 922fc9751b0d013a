/** `AgentConfiguration/GetConfiguration`: the stream of an agent's configuration (`spec/kas.md §4.1`). */
import type { AgentSessions, ConfigWatches } from '../../actors/index.ts';
import type { CallHandler } from '../../pipe/grpc/index.ts';
import type { Random } from '../../ports/index.ts';
import {
  ConfigurationRequestSchema,
  decodeFromPeer,
  status,
  StatusCode,
  validate,
} from '../../protocol/index.ts';

export function getConfigurationHandler(deps: {
  readonly sessions: AgentSessions;
  readonly watches: ConfigWatches;
  readonly random: Random;
}): CallHandler {
  return (call) => {
    deps.sessions.admit(call, true, (admission) => {
      if (admission.kind === 'refused') return call.finish(admission.status);
      const { session } = admission;
      call.compressAnswers();
      let received = false;
      call.stream.handler = {
        onMessage: (payload) => {
          received = true;
          const decoded = decodeFromPeer(ConfigurationRequestSchema, payload);
          if (decoded.kind === 'malformed') return call.finish(decoded.status);
          const request = decoded.message;
          const violations = validate(ConfigurationRequestSchema, request);
          if (violations !== undefined) return call.finish(status(StatusCode.InvalidArgument, violations));
          // Agents from before Register are known by this stream alone.
          if (!request.skipRegister && session.pod === undefined) {
            session.announce({ podId: deps.random.int63(), meta: request.agentMeta });
          }
          deps.watches.start(call, session, request.commitId);
        },
        onHalfClosed: () => {
          if (!received) call.finish(status(StatusCode.Internal, 'no request message'));
        },
        onDrain: () => {},
        onClosed: () => {},
      };
    });
  };
}
