/** `GitLabFlux/ReconcileProjects`: an agent hears of pushes to the projects its Flux reads (`spec/kas.md §4.4`). */
import type { AgentSessions, FluxStreams } from '../../actors/index.ts';
import type { CallHandler } from '../../pipe/grpc/index.ts';
import { ReconcileProjectsRequestSchema } from '../../protocol/index.ts';
import { admittedRequest } from './admitted-request.ts';

export function reconcileProjectsHandler(deps: {
  readonly sessions: AgentSessions;
  readonly fluxStreams: FluxStreams;
}): CallHandler {
  return admittedRequest(deps.sessions, ReconcileProjectsRequestSchema, true, ({ project }, call, session) =>
    deps.fluxStreams.start(
      call,
      session,
      project.map(({ id }) => id),
    ),
  );
}
