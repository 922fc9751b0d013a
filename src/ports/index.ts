/** The outside as interfaces: time, chance, logs, metrics, GitLab, Git and the store. No code lives here. */
export type { Clock, TimerHandle } from './clock.ts';
export type { Random } from './random.ts';
export type { Log, LogFields, LogLevel, LogValue } from './log.ts';
export type { Counter, Gauge, Histogram, Labels, MetricDescription, Metrics } from './metrics.ts';
export type {
  AgentEvents,
  AgentInfo,
  AllowedAgent,
  AllowedAgentsForJob,
  AuthorizedProxyUser,
  AuthorizeProxyUserRequest,
  CiAccessAs,
  GitLab,
  GitLabRefusal,
  GitLabResult,
  ModuleAnswer,
  ModuleRequest,
  ProjectInfo,
  ProxyAccessType,
  UsageReport,
} from './gitlab.ts';
export type {
  FileContents,
  FilesBounds,
  FilesRead,
  Git,
  GitalyLocation,
  GitFailure,
  GitRepository,
  HttpLocation,
  ResolvedRef,
  TreeEntry,
  TreeListing,
} from './git.ts';
export type { ConnectedAgent, SharedError, SharedErrors, Store } from './store.ts';
export type { PushEvent, PushEvents } from './push-events.ts';
