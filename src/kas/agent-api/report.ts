/** `SyncReports/Report`, ours: an agent tells what becomes of its manifest projects (docs/protocol.md). */
import { create } from '@bufbuild/protobuf';
import type { AgentSession, AgentSessions } from '../../actors/index.ts';
import type { CallHandler } from '../../pipe/grpc/index.ts';
import { encode, ReportRequestSchema, ReportResponseSchema, StatusCode } from '../../protocol/index.ts';
import { admittedRequest } from './admitted-request.ts';
import type { SyncReports } from '../sync-reports/index.ts';

export function reportHandler(sessions: AgentSessions, reports: SyncReports): CallHandler {
  const answer = encode(ReportResponseSchema, create(ReportResponseSchema));
  /** Sessions whose end is waited for. */
  const followed = new WeakSet<AgentSession>();
  return admittedRequest(sessions, ReportRequestSchema, false, (request, call, session) => {
    const agentId = session.agent?.agentId;
    if (agentId === undefined) return call.crash(new Error('a session without an agent was admitted'));
    const from = { sessionId: session.sessionId, agentId };
    if (!followed.has(session)) {
      followed.add(session);
      const gone = () => reports.sessionEnded(from);
      session.ref?.subscribe({ complete: gone, error: gone });
    }
    const taken = reports.take(from, request);
    if (taken.code === StatusCode.OK) call.stream.write(call.frame(answer));
    call.finish(taken);
  });
}
