/**
 * Wire truth of the GitLab agent protocol: messages and methods, statuses and metadata, validation and message order,
 * HTTP mapping, the agent configuration file. Nothing here does I/O or keeps time.
 */
export {
  ok,
  prefixed,
  status,
  StatusCode,
  statusCodeOf,
  statusName,
  statusText,
  type AnyBytes,
  type RpcStatus,
} from './status.ts';
export {
  percentDecodeMessage,
  percentEncodeMessage,
  statusFromHttp,
  statusFromMessage,
  statusFromTrailers,
  statusToMessage,
  statusToTrailers,
  type TrailerRecord,
} from './status-trailers.ts';
export {
  firstValue,
  forwardableMetadata,
  isReservedKey,
  metadataFromHeaders,
  metadataFromMap,
  metadataOf,
  metadataToHeaders,
  metadataToMap,
  noMetadata,
  routingAgentIdKey,
  type HeaderRecord,
  type Metadata,
  type MetadataMap,
} from './metadata.ts';
export { decode, decodeFromPeer, encode, type Decoded } from './codec.ts';
export { methods, type Method, type MethodKind } from './methods.ts';
export { MessageOrder, orderEnd, orderStart, unexpectedMember } from './message-order.ts';
export { validate } from './validation.ts';
export {
  canonicalHeaderName,
  cleanRequestHeaders,
  cleanResponseHeaders,
  headersFromMap,
  headersToMap,
  headerValueFromNode,
  headerValueToNode,
  proxyRequestHeadersRemoved,
  proxyResponseHeadersRemoved,
} from './http-headers.ts';
export { decodePath, encodePath, encodeQuery, parseQuery } from './url-codec.ts';
export { httpStatusLine, httpStatusText, kubernetesStatus, type KubernetesStatus } from './http-status.ts';
export {
  configurationFileToJson,
  parseAgentConfiguration,
  toAgentConfiguration,
  type AgentIdentity,
  type ParsedConfiguration,
} from './agent-configuration.ts';
export {
  signJwt,
  verifyJwt,
  type JwtExpectation,
  type JwtRefusal,
  type JwtToSign,
  type JwtVerdict,
} from './jwt.ts';
export { firstHalf, secretKey } from './token-key.ts';
export { readPeerJson } from './json-message.ts';
export { clientErrorText } from './client-error.ts';
export { bearerToken, type BearerToken } from './bearer.ts';
export { protocolLimits } from './limits.ts';
export {
  type ConfigurationRequest,
  ConfigurationRequestSchema,
  type ConfigurationResponse,
  ConfigurationResponseSchema,
} from '././gen/gitlab/agent/agent_configuration/rpc/rpc_pb.ts';
export {
  type RegisterRequest,
  RegisterRequestSchema,
  type RegisterResponse,
  RegisterResponseSchema,
} from '././gen/gitlab/agent/agent_registrar/rpc/rpc_pb.ts';
export {
  type ConnectedAgentInfo,
  ConnectedAgentInfoSchema,
} from '././gen/gitlab/agent/agent_tracker/agent_tracker_pb.ts';
export {
  type GetConnectedAgentksByAgentIDsRequest,
  GetConnectedAgentksByAgentIDsRequestSchema,
  type GetConnectedAgentksByAgentIDsResponse,
  GetConnectedAgentksByAgentIDsResponseSchema,
  type GetConnectedAgentsByAgentIDsRequest,
  GetConnectedAgentsByAgentIDsRequestSchema,
  type GetConnectedAgentsByAgentIDsResponse,
  GetConnectedAgentsByAgentIDsResponseSchema,
  type GetConnectedAgentsRequest,
  GetConnectedAgentsRequestSchema,
  type GetConnectedAgentsResponse,
  GetConnectedAgentsResponseSchema,
} from '././gen/gitlab/agent/agent_tracker/rpc/rpc_pb.ts';
export {
  type AgentConfiguration,
  AgentConfigurationSchema,
  type CiAccessAsCF,
  type GitRefCF as ConfigGitRefCF,
  type ConfigurationFile,
  ConfigurationFileSchema,
  type ContainerScanningCF,
  type FluxCF,
  type GitopsCF,
  type LoggingCF,
  log_level_enum as LogLevelEnum,
  type ManifestProjectCF,
  ManifestProjectCFSchema,
  type ObservabilityCF,
  type RemoteDevelopmentCF,
} from '././gen/gitlab/agent/agentcfg/agentcfg_pb.ts';
export {
  type AgentConfigFile,
  AgentConfigFileSchema,
  type ListAgentConfigFilesRequest,
  ListAgentConfigFilesRequestSchema,
  type ListAgentConfigFilesResponse,
  ListAgentConfigFilesResponseSchema,
} from '././gen/gitlab/agent/configuration_project/rpc/rpc_pb.ts';
export {
  type AgentMeta,
  AgentMetaSchema,
  type GitalyInfo,
  GitalyInfoSchema,
  type GitalyRepository,
  GitalyRepositorySchema,
  type KubernetesVersion,
} from '././gen/gitlab/agent/entity/entity_pb.ts';
export {
  type Project as EventProject,
  type GitPushEvent,
  GitPushEventSchema,
} from '././gen/gitlab/agent/event/event_pb.ts';
export {
  type Project as FluxProject,
  type ReconcileProjectsRequest,
  ReconcileProjectsRequestSchema,
  type ReconcileProjectsResponse,
  ReconcileProjectsResponseSchema,
} from '././gen/gitlab/agent/flux/rpc/rpc_pb.ts';
export {
  type ClientError,
  ClientErrorSchema,
  type DefaultApiError,
  DefaultApiErrorSchema,
} from '././gen/gitlab/agent/gitlab/gitlab_pb.ts';
export {
  type AgentConfigurationRequest,
  AgentConfigurationRequestSchema,
  type AllowedAgent as ApiAllowedAgent,
  type AllowedAgentsForJob as ApiAllowedAgentsForJob,
  AllowedAgentsForJobSchema as ApiAllowedAgentsForJobSchema,
  type AuthorizeProxyUserRequest as ApiAuthorizeProxyUserRequest,
  AuthorizeProxyUserRequestSchema as ApiAuthorizeProxyUserRequestSchema,
  type AuthorizeProxyUserResponse,
  AuthorizeProxyUserResponseSchema,
  type GetAgentInfoResponse,
  GetAgentInfoResponseSchema,
  type GetProjectInfoResponse,
  GetProjectInfoResponseSchema,
} from '././gen/gitlab/agent/gitlab/api/api_pb.ts';
export {
  type HeaderExtra as GitlabHeaderExtra,
  HeaderExtraSchema as GitlabHeaderExtraSchema,
} from '././gen/gitlab/agent/gitlab_access/rpc/rpc_pb.ts';
export {
  type GitRefCF,
  type ObjectsToSynchronizeRequest,
  ObjectsToSynchronizeRequestSchema,
  type ObjectsToSynchronizeResponse,
  ObjectsToSynchronizeResponseSchema,
  type PathCF,
} from '././gen/gitlab/agent/gitops/rpc/rpc_pb.ts';
export {
  type HttpRequest,
  HttpRequestSchema,
  type HttpResponse,
  HttpResponseSchema,
} from '././gen/gitlab/agent/grpctool/grpctool_pb.ts';
export {
  type GatewayKasResponse,
  GatewayKasResponseSchema,
  StartStreamingSchema,
} from '././gen/gitlab/agent/kas/kas_pb.ts';
export {
  type ExtraKeyVal,
  type ImpersonationConfig,
  type HeaderExtra as KubernetesHeaderExtra,
  HeaderExtraSchema as KubernetesHeaderExtraSchema,
} from '././gen/gitlab/agent/kubernetes_api/rpc/rpc_pb.ts';
export {
  type GitPushEventRequest,
  GitPushEventRequestSchema,
  type GitPushEventResponse,
  GitPushEventResponseSchema,
} from '././gen/gitlab/agent/notifications/rpc/rpc_pb.ts';
export {
  type HttpRequest as HttpRequestHead,
  HttpRequestSchema as HttpRequestHeadSchema,
  type HttpResponse as HttpResponseHead,
  HttpResponseSchema as HttpResponseHeadSchema,
  type Values,
  ValuesSchema,
} from '././gen/gitlab/agent/prototool/prototool_pb.ts';
export {
  type ExpiringValue,
  ExpiringValueSchema,
  type ExpiringValueTimestamp,
  ExpiringValueTimestampSchema,
} from '././gen/gitlab/agent/redistool/redistool_pb.ts';
export {
  type AgentDescriptor,
  AgentDescriptorSchema,
  type Method as DescribedMethod,
  MethodSchema as DescribedMethodSchema,
  type Service as DescribedService,
  ServiceSchema as DescribedServiceSchema,
} from '././gen/gitlab/agent/reverse_tunnel/info/info_pb.ts';
export {
  CloseSendSchema,
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
  ConnectResponseSchema,
  type Descriptor,
  DescriptorSchema,
  type RequestInfo,
  RequestInfoSchema,
  type Error as TunnelError,
  ErrorSchema as TunnelErrorSchema,
  type Header as TunnelHeader,
  HeaderSchema as TunnelHeaderSchema,
  type Message as TunnelMessage,
  MessageSchema as TunnelMessageSchema,
  type Trailer as TunnelTrailer,
  TrailerSchema as TunnelTrailerSchema,
} from '././gen/gitlab/agent/reverse_tunnel/rpc/rpc_pb.ts';
export {
  type GetTreeEntriesError,
  GetTreeEntriesErrorSchema,
  type GetTreeEntriesRequest,
  GetTreeEntriesRequest_SortBy,
  GetTreeEntriesRequestSchema,
  type GetTreeEntriesResponse,
  GetTreeEntriesResponseSchema,
  type InfoRefsRequest,
  InfoRefsRequestSchema,
  type InfoRefsResponse,
  InfoRefsResponseSchema,
  type PaginationCursor,
  type PaginationParameter,
  type PathError,
  PathError_ErrorType,
  type Repository,
  RepositorySchema,
  type ResolveRevisionError,
  type TreeEntry,
  TreeEntry_EntryType,
  TreeEntrySchema,
  type TreeEntryRequest,
  TreeEntryRequestSchema,
  type TreeEntryResponse,
  TreeEntryResponse_ObjectType,
  TreeEntryResponseSchema,
} from '././gen/gitaly/gitaly_pb.ts';
export {
  type Status as StatusMessage,
  StatusSchema as StatusMessageSchema,
} from '././gen/google/rpc/status_pb.ts';
export { harmlessText } from './harmless-text.ts';
export {
  Action as SyncAction,
  type Failure as SyncFailure,
  FailureSchema as SyncFailureSchema,
  type ObjectRef,
  ObjectRefSchema,
  type ObjectState,
  ObjectStateSchema,
  Phase as SyncPhase,
  type ProjectState,
  ProjectStateSchema,
  type ReportRequest,
  ReportRequestSchema,
  type ReportResponse,
  ReportResponseSchema,
  Result as SyncObjectResult,
} from '././gen/kastor/report/report_pb.ts';
