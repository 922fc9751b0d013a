/** `ReverseTunnel/Connect`: an agent lends kas a stream for requests to its cluster (`spec/wire.md §6`). */
import type { AgentSessions, Tunnels } from '../../actors/index.ts';
import { upBodyOffset } from '../../protocol/envelope/index.ts';
import type { CallHandler } from '../../pipe/grpc/index.ts';

export function connectHandler(deps: {
  readonly sessions: AgentSessions;
  readonly tunnels: Tunnels;
}): CallHandler {
  return (call) => {
    deps.sessions.admit(call, true, (admission) => {
      if (admission.kind === 'refused') return call.finish(admission.status);
      call.stream.setBodyOffset(upBodyOffset);
      deps.tunnels.open(call, admission.session, admission.agent.agentId);
    });
  };
}
