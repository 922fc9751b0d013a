/** Bounds of the dashboard. */
export const dashboardLimits = {
  /** How long an agent that is gone stays listed, and how many such. */
  goneMs: 3_600_000,
  goneMax: 2_000,
  /** Earlier lives of one agent that are kept. */
  livesPerAgentMax: 8,
  /** Frames a reader that comes back can resume from. */
  framesMax: 100,
  pulseMs: 100,
  /** An empty frame is due after this: readers see that the stream lives. */
  heartbeatMs: 1_000,
  /** Requests, supervisors and pollers are looked at again after this, while somebody watches them. */
  viewMs: 400,
  /** Open streams. */
  watchersMax: 64,
  /** Characters of a text that came from outside. */
  textCharsMax: 200,
  /** Requests shown at once, and kept of the slow and the failed. */
  requestsShownMax: 200,
  requestsKeptMax: 200,
  /** Until a tunnel is found: what takes longer is kept as slow. */
  slowMs: 1_000,
  /** Pollers of manifests, and as many of configurations. */
  pollersShownMax: 500,
  /** Manifest projects of one agent. */
  projectsShownMax: 50,
  /** Objects of one manifest project. */
  objectsShownMax: 500,
  /** Children of one supervisor that are shown. */
  childrenShownMax: 50,
  /** What happened, kept for readers that come late or again; and how much of it one beat tells. */
  newsMax: 10_000,
  newsPerBeatMax: 500,
  /** Reports of supervisors that are kept. */
  reportsMax: 200,
} as const;
