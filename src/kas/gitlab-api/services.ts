/** What kas does for GitLab: every method of the API listener, behind its door (`spec/wire.md §1.1`). */
import type { CallHandler, GrpcServer } from '../../pipe/grpc/index.ts';
import type { Clock, Git, Log, PushEvents, Store } from '../../ports/index.ts';
import { methods, type Method } from '../../protocol/index.ts';
import {
  getConnectedAgentksByAgentIDsHandler,
  getConnectedAgentsByAgentIDsHandler,
  getConnectedAgentsHandler,
} from './connected-agents.ts';
import { gitPushEventHandler } from './git-push-event.ts';
import { listAgentConfigFilesHandler } from './list-agent-config-files.ts';

export interface GitLabApiDeps {
  readonly store: Store;
  readonly git: Git;
  readonly pushEvents: PushEvents;
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: (handler: CallHandler) => CallHandler;
}

export function serveGitLabApi(grpc: GrpcServer, deps: GitLabApiDeps): void {
  const serve = ({ path }: Method, handler: CallHandler) => grpc.handle(path, deps.gate(handler));
  serve(methods.getConnectedAgents, getConnectedAgentsHandler(deps));
  serve(methods.getConnectedAgentsByAgentIDs, getConnectedAgentsByAgentIDsHandler(deps));
  serve(methods.getConnectedAgentksByAgentIDs, getConnectedAgentksByAgentIDsHandler(deps));
  serve(methods.listAgentConfigFiles, listAgentConfigFilesHandler(deps));
  serve(methods.gitPushEvent, gitPushEventHandler(deps));
}
