/** Bounds of what GitLab may ask of kas. */
export const apiLimits = {
  /** Agents one call may ask about; GitLab asks for one page of its list. */
  agentIdsMax: 1_000,
  /** Files and folders below `.gitlab/agents` that are looked through. */
  configEntriesMax: 50_000,
} as const;

/** How long things may take. */
export const apiTimes = {
  /** Without a deadline of the caller's; GitLab gives 5 s. */
  listMsMax: 30_000,
} as const;
