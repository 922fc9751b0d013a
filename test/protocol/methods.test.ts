import { describe, expect, it } from 'vitest';
import { methods } from '../../src/protocol/index.ts';

describe('methods', () => {
  it('have the paths and kinds of the original services, and of our own', () => {
    const table = Object.values(methods).map(({ path, kind, request, response }) => [
      path,
      kind,
      request.typeName.split('.').at(-1),
      response.typeName.split('.').at(-1),
    ]);
    expect(table).toEqual([
      [
        '/gitlab.agent.agent_configuration.rpc.AgentConfiguration/GetConfiguration',
        'server_streaming',
        'ConfigurationRequest',
        'ConfigurationResponse',
      ],
      [
        '/gitlab.agent.agent_registrar.rpc.AgentRegistrar/Register',
        'unary',
        'RegisterRequest',
        'RegisterResponse',
      ],
      [
        '/gitlab.agent.gitops.rpc.Gitops/GetObjectsToSynchronize',
        'server_streaming',
        'ObjectsToSynchronizeRequest',
        'ObjectsToSynchronizeResponse',
      ],
      [
        '/gitlab.agent.flux.rpc.GitLabFlux/ReconcileProjects',
        'server_streaming',
        'ReconcileProjectsRequest',
        'ReconcileProjectsResponse',
      ],
      [
        '/gitlab.agent.gitlab_access.rpc.GitlabAccess/MakeRequest',
        'bidi_streaming',
        'HttpRequest',
        'HttpResponse',
      ],
      [
        '/gitlab.agent.reverse_tunnel.rpc.ReverseTunnel/Connect',
        'bidi_streaming',
        'ConnectRequest',
        'ConnectResponse',
      ],
      [
        '/gitlab.agent.kubernetes_api.rpc.KubernetesApi/MakeRequest',
        'bidi_streaming',
        'HttpRequest',
        'HttpResponse',
      ],
      [
        '/gitlab.agent.agent_tracker.rpc.AgentTracker/GetConnectedAgents',
        'unary',
        'GetConnectedAgentsRequest',
        'GetConnectedAgentsResponse',
      ],
      [
        '/gitlab.agent.agent_tracker.rpc.AgentTracker/GetConnectedAgentsByAgentIDs',
        'unary',
        'GetConnectedAgentsByAgentIDsRequest',
        'GetConnectedAgentsByAgentIDsResponse',
      ],
      [
        '/gitlab.agent.agent_tracker.rpc.AgentTracker/GetConnectedAgentksByAgentIDs',
        'unary',
        'GetConnectedAgentksByAgentIDsRequest',
        'GetConnectedAgentksByAgentIDsResponse',
      ],
      [
        '/gitlab.agent.configuration_project.rpc.ConfigurationProject/ListAgentConfigFiles',
        'unary',
        'ListAgentConfigFilesRequest',
        'ListAgentConfigFilesResponse',
      ],
      [
        '/gitlab.agent.notifications.rpc.Notifications/GitPushEvent',
        'unary',
        'GitPushEventRequest',
        'GitPushEventResponse',
      ],
      [
        '/gitaly.SmartHTTPService/InfoRefsUploadPack',
        'server_streaming',
        'InfoRefsRequest',
        'InfoRefsResponse',
      ],
      ['/gitaly.CommitService/TreeEntry', 'server_streaming', 'TreeEntryRequest', 'TreeEntryResponse'],
      [
        '/gitaly.CommitService/GetTreeEntries',
        'server_streaming',
        'GetTreeEntriesRequest',
        'GetTreeEntriesResponse',
      ],
      ['/kastor.report.SyncReports/Report', 'unary', 'ReportRequest', 'ReportResponse'],
    ]);
  });

  it('know their service and bare name', () => {
    expect(methods.makeRequest).toMatchObject({
      service: 'gitlab.agent.kubernetes_api.rpc.KubernetesApi',
      name: 'MakeRequest',
    });
  });
});
