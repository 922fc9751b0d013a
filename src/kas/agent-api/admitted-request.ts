/**
 * Calls of agents with one request message: the token is accepted first, then the message is read, decoded and validated
 * (`spec/wire.md §3.1`, `§11.1`).
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { AgentSession, AgentSessions } from '../../actors/index.ts';
import type { CallHandler, ServerCall } from '../../pipe/grpc/index.ts';
import { decodeFromPeer, status, StatusCode, validate } from '../../protocol/index.ts';

/**
 * @param patient waits while GitLab cannot be asked about the token instead of failing with UNAVAILABLE
 * @param serve takes the call over: its handler and its end
 */
export function admittedRequest<Request extends DescMessage>(
  sessions: AgentSessions,
  schema: Request,
  patient: boolean,
  serve: (request: MessageShape<Request>, call: ServerCall, session: AgentSession) => void,
): CallHandler {
  return (call) => {
    sessions.admit(call, patient, (admission) => {
      if (admission.kind === 'refused') return call.finish(admission.status);
      call.compressAnswers();
      let received = false;
      call.stream.handler = {
        onMessage: (payload) => {
          if (received) return call.finish(status(StatusCode.Internal, 'more than one request message'));
          received = true;
          const decoded = decodeFromPeer(schema, payload);
          if (decoded.kind === 'malformed') return call.finish(decoded.status);
          const violations = validate(schema, decoded.message);
          if (violations !== undefined) return call.finish(status(StatusCode.InvalidArgument, violations));
          serve(decoded.message, call, admission.session);
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
