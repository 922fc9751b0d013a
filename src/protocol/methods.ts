/**
 * Every RPC kas and agentk serve or call, with path, kind and message schemas, read off the generated services so that
 * nothing is written twice. Source: spec/wire.md §1.1 and §2.22.
 */
import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import { CommitService, SmartHTTPService } from './gen/gitaly/gitaly_pb.ts';
import { AgentConfiguration } from './gen/gitlab/agent/agent_configuration/rpc/rpc_pb.ts';
import { AgentRegistrar } from './gen/gitlab/agent/agent_registrar/rpc/rpc_pb.ts';
import { AgentTracker } from './gen/gitlab/agent/agent_tracker/rpc/rpc_pb.ts';
import { ConfigurationProject } from './gen/gitlab/agent/configuration_project/rpc/rpc_pb.ts';
import { GitLabFlux } from './gen/gitlab/agent/flux/rpc/rpc_pb.ts';
import { GitlabAccess } from './gen/gitlab/agent/gitlab_access/rpc/rpc_pb.ts';
import { Gitops } from './gen/gitlab/agent/gitops/rpc/rpc_pb.ts';
import { KubernetesApi } from './gen/gitlab/agent/kubernetes_api/rpc/rpc_pb.ts';
import { Notifications } from './gen/gitlab/agent/notifications/rpc/rpc_pb.ts';
import { SyncReports } from './gen/kastor/report/report_pb.ts';
import { ReverseTunnel } from './gen/gitlab/agent/reverse_tunnel/rpc/rpc_pb.ts';

/** How many messages each side of an RPC sends. */
export type MethodKind = 'unary' | 'server_streaming' | 'client_streaming' | 'bidi_streaming';

/** One RPC: where it is called and what goes in and out. */
export interface Method<
  Request extends DescMessage = DescMessage,
  Response extends DescMessage = DescMessage,
  Kind extends MethodKind = MethodKind,
> {
  /** `/package.Service/Method` */
  readonly path: string;
  /** `package.Service` */
  readonly service: string;
  /** The bare name of the method. */
  readonly name: string;
  readonly kind: Kind;
  readonly request: Request;
  readonly response: Response;
}

function method<Request extends DescMessage, Response extends DescMessage, Kind extends MethodKind>(
  desc: DescMethod & { readonly input: Request; readonly output: Response; readonly methodKind: Kind },
): Method<Request, Response, Kind> {
  const service = desc.parent.typeName;
  return {
    path: `/${service}/${desc.name}`,
    service,
    name: desc.name,
    kind: desc.methodKind,
    request: desc.input,
    response: desc.output,
  };
}

/** All RPCs by a short name. */
export const methods = {
  getConfiguration: method(AgentConfiguration.method.getConfiguration),
  register: method(AgentRegistrar.method.register),
  getObjectsToSynchronize: method(Gitops.method.getObjectsToSynchronize),
  reconcileProjects: method(GitLabFlux.method.reconcileProjects),
  /** agentk's modules call GitLab */
  gitlabRequest: method(GitlabAccess.method.makeRequest),
  connect: method(ReverseTunnel.method.connect),
  /** kas calls the Kubernetes API */
  makeRequest: method(KubernetesApi.method.makeRequest),
  getConnectedAgents: method(AgentTracker.method.getConnectedAgents),
  getConnectedAgentsByAgentIDs: method(AgentTracker.method.getConnectedAgentsByAgentIDs),
  getConnectedAgentksByAgentIDs: method(AgentTracker.method.getConnectedAgentksByAgentIDs),
  listAgentConfigFiles: method(ConfigurationProject.method.listAgentConfigFiles),
  gitPushEvent: method(Notifications.method.gitPushEvent),
  infoRefsUploadPack: method(SmartHTTPService.method.infoRefsUploadPack),
  treeEntry: method(CommitService.method.treeEntry),
  getTreeEntries: method(CommitService.method.getTreeEntries),
  /** Ours: agentk tells kas what becomes of its manifest projects */
  report: method(SyncReports.method.report),
} as const;
