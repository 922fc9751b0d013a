/** `AgentRegistrar/Register`: an agent pod says who it is, at its start and every five minutes (`spec/kas.md §4.6`). */
import { create } from '@bufbuild/protobuf';
import type { AgentSessions } from '../../actors/index.ts';
import type { CallHandler } from '../../pipe/grpc/index.ts';
import {
  encode,
  ok,
  RegisterRequestSchema,
  RegisterResponseSchema,
  status,
  StatusCode,
} from '../../protocol/index.ts';
import { admittedRequest } from './admitted-request.ts';

export function registerHandler(sessions: AgentSessions): CallHandler {
  const answer = encode(RegisterResponseSchema, create(RegisterResponseSchema));
  return admittedRequest(sessions, RegisterRequestSchema, false, ({ podId, agentMeta }, call, session) => {
    session.announce({ podId, meta: agentMeta }).then(
      (written) => {
        if (!written) return call.finish(failed);
        call.stream.write(call.frame(answer));
        call.finish(ok);
      },
      (error: unknown) => call.crash(error),
    );
  });
}

const failed = status(StatusCode.Unavailable, 'Failed to register agent');
