/** `AgentRegistrar/Register`: an agent pod says who it is, at its start and every five minutes (`spec/kas.md §4.6`). */
import { create } from '@bufbuild/protobuf';
import type { AgentSessions } from '../../actors/index.ts';
import type { CallHandler } from '../../pipe/grpc/index.ts';
import {
  decodeFromPeer,
  encode,
  ok,
  RegisterRequestSchema,
  RegisterResponseSchema,
  status,
  StatusCode,
  validate,
} from '../../protocol/index.ts';

export function registerHandler(sessions: AgentSessions): CallHandler {
  const answer = encode(RegisterResponseSchema, create(RegisterResponseSchema));
  return (call) => {
    sessions.admit(call, false, (admission) => {
      if (admission.kind === 'refused') return call.finish(admission.status);
      let received = false;
      call.compressAnswers();
      call.stream.handler = {
        onMessage: (payload) => {
          received = true;
          const decoded = decodeFromPeer(RegisterRequestSchema, payload);
          if (decoded.kind === 'malformed') return call.finish(decoded.status);
          const violations = validate(RegisterRequestSchema, decoded.message);
          if (violations !== undefined) return call.finish(status(StatusCode.InvalidArgument, violations));
          admission.session.announce({ podId: decoded.message.podId, meta: decoded.message.agentMeta });
          call.stream.write(call.frame(answer));
          call.finish(ok);
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
