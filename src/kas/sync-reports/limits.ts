/** The bounds of what kas keeps of agents' reports. What one report may hold is in `kastor/report/report.proto`. */
export const reportLimits = {
  /** Agents whose reports are kept. */
  agentsMax: 20_000,
  /** Text of all reports together. Lists of objects give way first. */
  bytesMax: 256 * 1024 * 1024,
  /** Processes of one agent that report: its leader, and leaders before it. */
  reportersPerAgentMax: 16,
  /** What an agent said last stays this long after it left. */
  keptMs: 3_600_000,
  /** Outcomes kept, of all agents. */
  eventsMax: 500,
  /** A project that changes oftener has its lines at level debug. */
  lineMsMin: 5_000,
  /** Texts as they are kept. */
  nameBytesMax: 1_024,
  errorBytesMax: 1_000,
  reasonBytesMax: 4_000,
  /** In one answer of `/state`. */
  shownProjectsMax: 1_000,
  shownObjectsMax: 5_000,
  shownEventsMax: 100,
} as const;
