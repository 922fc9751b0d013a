/** Every bound of the simulated API server. Past them requests are refused the way the real server refuses. */
export const limits = {
  /** Objects of all kinds together. */
  objectsMax: 200_000,
  /** Changes kept per kind: how far back a watch or a continued list may start. */
  historyPerKindMax: 1_024,
  /** Kubernetes Events kept; the oldest make room. */
  eventsMax: 1_000,
  watchersMax: 4_096,
  /** Bytes a slow watcher may leave unread before it is cut off. */
  watcherBacklogBytesMax: 16 * 1024 * 1024,
  /** Largest request body, as in the real server. */
  bodyBytesMax: 3 * 1024 * 1024,
  /** Custom resource definitions served at once. */
  customKindsMax: 500,
  auditEntriesMax: 1_000,
  /** Service account tokens minted by `kubectl create token`. */
  mintedTokensMax: 1_000,
  managersPerObjectMax: 100,
  /** Nesting of a JSON body; deeper is refused before anything recurses over it. */
  depthMax: 100,
  jsonPatchOperationsMax: 10_000,
  /** Log followers and exec sessions open at once. */
  streamsMax: 1_000,
  /** Replicas one workload may ask for. */
  replicasMax: 1_000,
} as const;

/** How long the simulated controllers and the simulated kubelet take, in milliseconds. */
export const paces = {
  reconcileMs: 20,
  garbageMs: 20,
  podScheduledMs: 100,
  podRunningMs: 600,
  podTerminatedMs: 400,
  jobPodRunsMs: 1_500,
  bookmarkMs: 60_000,
  watchTimeoutMs: 30 * 60_000,
  logLineMs: 1_000,
} as const;
