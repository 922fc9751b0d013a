/** The numbers of agentk that are not part of a life (those stand beside their charts). */
export const agentkLimits = {
  /** A graceful stop takes at most this, a little below Kubernetes' default grace period of 30 s. */
  drainMs: 25_000,
  /** Of that, what tunnels get to finish their requests; the rest is for everything else. */
  tunnelDrainShare: 0.9,
  /** After a forced stop the tree gets this to notice. */
  killMs: 2_000,
  /** Transitions kept for `/state`. */
  recordedTransitionsMax: 2_000,
  shownTransitionsMax: 200,
  /** Random wait before the first dial, so that many pods restarted together do not dial together. */
  startDelayMsMax: 2_000,
  /** Old connections that still finish their streams; above it the oldest is cut. */
  retiredConnectionsMax: 8,
  /** `Register` as a whole, the question for the Kubernetes version included. */
  registerMs: 30_000,
  /** `GET /version` of the API server. */
  versionMs: 10_000,
  versionBytesMax: 64 * 1024,
  /** Actors that may wait for the link to come up: tunnels, registration, configuration, and room. */
  linkWaitersMax: 1_024,
  /** Bearer token files are read again when the last reading is older (`spec/agentk.md §4.2`). */
  tokenMsMax: 50_000,
  /** An exec plugin's answer or a token file may not be larger. */
  tokenBytesMax: 64 * 1024,
  /** Connections to the API server; requests above wait in the dispatcher. Tunnels bound the requests themselves. */
  kubernetesConnectionsMax: 256,
  kubernetesKeepAliveMs: 30_000,
  kubernetesConnectMs: 30_000,
  /** TCP asks a silent peer after this time whether it still lives. */
  kubernetesProbeMs: 30_000,
  /** Headers of one response of the API server. */
  kubernetesHeaderBytesMax: 1024 * 1024,
  kasHeadersMax: 64,
  /** Certificates of a chain that a doctor is shown. */
  chainShownMax: 8,
  /** What one of several addresses of a name gets before the next is tried. */
  addressAttemptMs: 2_000,
  /** Headers of a proxy's answer to CONNECT. */
  proxyHeaderBytesMax: 64 * 1024,
  /** A module's request to GitLab as a whole, the wait for a connection to kas included. */
  gitlabRequestMs: 60_000,
  gitlabAnswerBytesMax: 8 * 1024 * 1024,
  /** Bodies go in pieces of this (`spec/wire.md §9.1`). */
  gitlabChunkBytes: 32 * 1024,
} as const;
