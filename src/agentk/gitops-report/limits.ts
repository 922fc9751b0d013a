/** The bounds of what agentk reports of its manifest projects; `kastor/report/report.proto` allows no more. */
export const reportLimits = {
  projectsMax: 256,
  /** Objects told one by one; the rest is counted. */
  objectsMax: 2_000,
  failuresMax: 10,
  warningsMax: 10,
  errorBytesMax: 1_000,
  reasonBytesMax: 4_000,
  /** Projects go into one message up to this; the bound of a message is 4 MiB. */
  messageBytesMax: 2 * 1024 * 1024,
  reportMs: 15_000,
  /** Failing objects whose last Kubernetes Event is looked up after a run. */
  lookedUpMax: 3,
  eventsPerObjectMax: 50,
  clusterCallMs: 10_000,
  /** Calls to the cluster for reports are at least this far apart. */
  noteMsMin: 1_000,
  /** The same outcome again is written into its Event no oftener. */
  repeatMsMin: 60_000,
} as const;
