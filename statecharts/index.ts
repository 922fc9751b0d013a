/** The control plane as data: every machine by name, and the list that the chart pictures and the chart tests walk. */
import type { AnyStateMachine } from 'xstate';
import { fluxStreamMachine } from './flux-stream.ts';
import { listenerMachine } from './listener.ts';
import { kasMachine } from './kas.ts';
import { driftWatchMachine } from './drift-watch.ts';
import { configWatchMachine } from './config-watch.ts';
import { childProcessMachine } from './child-process.ts';
import { agentSessionMachine } from './agent-session.ts';
import { agentConnectionMachine } from './agent-connection.ts';
import { arrivalMachine } from './arrival.ts';
import { agentLinkMachine } from './agent-link.ts';
import { agentkMachine } from './agentk.ts';
import { configurationWatchMachine } from './configuration-watch.ts';
import { gitlabCallMachine } from './gitlab-call.ts';
import { informerMachine } from './informer.ts';
import { objectWaitMachine } from './object-wait.ts';
import { gitalyChannelMachine } from './gitaly-channel.ts';
import { leaderElectionMachine } from './leader-election.ts';
import { gitopsStreamMachine } from './gitops-stream.ts';
import { fluxMachine } from './flux.ts';
import { fluxNotificationsMachine } from './flux-notifications.ts';
import { workQueueMachine } from './work-queue.ts';
import { newsTailMachine } from './news-tail.ts';
import { policyInquiryMachine } from './policy-inquiry.ts';
import { liveFeedMachine } from './live-feed.ts';
import { gitopsSyncMachine } from './gitops-sync.ts';
import { manifestProjectsMachine } from './manifest-projects.ts';
import { manifestWatchMachine } from './manifest-watch.ts';
import { moduleMachine } from './module.ts';
import { registrationMachine } from './registration.ts';
import { repositoryPollerMachine } from './repository-poller.ts';
import { requestMachine } from './request.ts';
import { storeLinkMachine } from './store-link.ts';
import { storeUpkeepMachine } from './store-upkeep.ts';
import { supervisorMachine } from './supervisor.ts';
import { syncReporterMachine } from './sync-reporter.ts';
import { tunnelMachine } from './tunnel.ts';
import { tunnelClientMachine } from './tunnel-client.ts';
import { tunnelPoolMachine } from './tunnel-pool.ts';
import { watchedFilesMachine } from './watched-files.ts';
import { usageReporterMachine } from './usage-reporter.ts';
import { workerPoolMachine } from './worker-pool.ts';

export interface Chart {
  /** File name without `.ts`. */
  readonly name: string;
  readonly machine: AnyStateMachine;
  /** Runs compiled (`src/supervisor/compile.ts`) because it is stepped per request. */
  readonly hot?: boolean;
}

/** Alphabetical. */
export const charts: readonly Chart[] = [
  { name: 'agent-connection', machine: agentConnectionMachine },
  { name: 'agent-link', machine: agentLinkMachine },
  { name: 'agent-session', machine: agentSessionMachine },
  { name: 'agentk', machine: agentkMachine },
  { name: 'arrival', machine: arrivalMachine, hot: true },
  { name: 'child-process', machine: childProcessMachine },
  { name: 'config-watch', machine: configWatchMachine },
  { name: 'configuration-watch', machine: configurationWatchMachine },
  { name: 'drift-watch', machine: driftWatchMachine },
  { name: 'flux', machine: fluxMachine },
  { name: 'flux-notifications', machine: fluxNotificationsMachine },
  { name: 'flux-stream', machine: fluxStreamMachine },
  { name: 'gitaly-channel', machine: gitalyChannelMachine },
  { name: 'gitlab-call', machine: gitlabCallMachine },
  { name: 'gitops-stream', machine: gitopsStreamMachine },
  { name: 'gitops-sync', machine: gitopsSyncMachine },
  { name: 'informer', machine: informerMachine },
  { name: 'kas', machine: kasMachine },
  { name: 'leader-election', machine: leaderElectionMachine },
  { name: 'listener', machine: listenerMachine },
  { name: 'live-feed', machine: liveFeedMachine },
  { name: 'manifest-projects', machine: manifestProjectsMachine },
  { name: 'manifest-watch', machine: manifestWatchMachine },
  { name: 'module', machine: moduleMachine },
  { name: 'news-tail', machine: newsTailMachine },
  { name: 'object-wait', machine: objectWaitMachine },
  { name: 'policy-inquiry', machine: policyInquiryMachine },
  { name: 'registration', machine: registrationMachine },
  { name: 'repository-poller', machine: repositoryPollerMachine },
  { name: 'request', machine: requestMachine, hot: true },
  { name: 'store-link', machine: storeLinkMachine },
  { name: 'store-upkeep', machine: storeUpkeepMachine },
  { name: 'supervisor', machine: supervisorMachine },
  { name: 'sync-reporter', machine: syncReporterMachine },
  { name: 'tunnel', machine: tunnelMachine, hot: true },
  { name: 'tunnel-client', machine: tunnelClientMachine, hot: true },
  { name: 'tunnel-pool', machine: tunnelPoolMachine, hot: true },
  { name: 'usage-reporter', machine: usageReporterMachine },
  { name: 'watched-files', machine: watchedFilesMachine },
  { name: 'work-queue', machine: workQueueMachine },
  { name: 'worker-pool', machine: workerPoolMachine },
];

export { agentLinkDelays, agentLinkMachine, linkBackoffMs, linkRefusedMs } from './agent-link.ts';
export { gitalyChannelMachine } from './gitaly-channel.ts';
export { agentkMachine } from './agentk.ts';
export {
  configurationBackoffMs,
  configurationWatchDelays,
  configurationWatchMachine,
  type ConfigurationVerdict,
} from './configuration-watch.ts';
export {
  informerBackoffMs,
  informerDelays,
  informerMachine,
  type ListMode,
  type ListOutcome,
  type WatchOutcome,
} from './informer.ts';
export { leaderElectionDelays, leaderElectionMachine, type LeaseAttempt } from './leader-election.ts';
export { fluxDelays, fluxMachine, type FluxPresence } from './flux.ts';
export {
  fluxBackoffMs,
  fluxNotificationsDelays,
  fluxNotificationsMachine,
  type NotificationVerdict,
} from './flux-notifications.ts';
export { workBackoffMs, workQueueDelays, workQueueMachine, type WorkOutcome } from './work-queue.ts';
export {
  inquiryBackoffMs,
  policyInquiryDelays,
  policyInquiryMachine,
  type InquiryOutcome,
} from './policy-inquiry.ts';
export { driftWatchMachine, type DriftWatchOutput } from './drift-watch.ts';
export { objectWaitMachine, objectWaitPauseMs, type ObjectWaitOutput } from './object-wait.ts';
export { moduleBackoffMs, moduleDelays, moduleMachine } from './module.ts';
export {
  registrationBackoffMs,
  registrationDelays,
  registrationMachine,
  type RegisterOutcome,
} from './registration.ts';
export {
  tunnelBackoffMs,
  tunnelClientDelays,
  tunnelClientMachine,
  type StreamVerdict,
} from './tunnel-client.ts';
export {
  syncReporterBackoffMs,
  syncReporterDelays,
  syncReporterMachine,
  type ReportOutcome,
} from './sync-reporter.ts';
export { tunnelPoolDefaults, tunnelPoolDelays, tunnelPoolMachine } from './tunnel-pool.ts';
export { agentConnectionMachine } from './agent-connection.ts';
export { arrivalMachine } from './arrival.ts';
export { agentSessionMachine, lookupWaitMs, type AgentVerdict } from './agent-session.ts';
export { childProcessMachine } from './child-process.ts';
export { configWatchMachine, type Ending, type Fetched, type Resolution } from './config-watch.ts';
export { fluxStreamMachine, type FluxPush, type FluxTold } from './flux-stream.ts';
export { kasMachine } from './kas.ts';
export { listenerMachine } from './listener.ts';
export { liveFeedMachine } from './live-feed.ts';
export { newsTailMachine, type StreamEnd } from './news-tail.ts';
export { requestLimits, requestMachine } from './request.ts';
export { storeBackoffMs, storeLinkMachine, type DialVerdict } from './store-link.ts';
export { storeUpkeepMachine } from './store-upkeep.ts';
export {
  supervisorMachine,
  type SupervisorEvent,
  type SupervisorLifeActor,
  type SupervisorOutput,
} from './supervisor.ts';
export { tunnelLimits, tunnelMachine } from './tunnel.ts';
export {
  watchedFilesDelays,
  watchedFilesLimits,
  watchedFilesMachine,
  type FilesVerdict,
} from './watched-files.ts';
export { gitlabCallBackoffMs, gitlabCallMachine, type CallTry, type CallTurn } from './gitlab-call.ts';
export { usageReporterDelays, usageReporterMachine, type UsageVerdict } from './usage-reporter.ts';
export {
  gitopsStreamBackoffMs,
  gitopsStreamMachine,
  type Delivery,
  type ProjectVerdict,
} from './gitops-stream.ts';
export { repositoryPollerBackoffMs, repositoryPollerMachine, type Polled } from './repository-poller.ts';
export { workerPoolMachine } from './worker-pool.ts';
export { gitopsSyncBackoffMs, gitopsSyncDelays, gitopsSyncMachine, type SyncVerdict } from './gitops-sync.ts';
export { manifestProjectsDelays, manifestProjectsMachine } from './manifest-projects.ts';
export {
  manifestWatchBackoffMs,
  manifestWatchDelays,
  manifestWatchMachine,
  type ManifestVerdict,
} from './manifest-watch.ts';
