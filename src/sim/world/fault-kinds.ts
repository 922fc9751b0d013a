/** What can go wrong in a simulated world. */
export const faultKinds = [
  /** Everything takes longer on the network. */
  'slow-network',
  /** Nothing passes between an agent and a kas, either way. */
  'cut',
  /** Nothing passes from an agent to a kas; or from a kas to an agent. */
  'cut-up',
  'cut-down',
  /** A kas and all agents are apart. */
  'partition',
  /** A middlebox forgets the connections of an agent: both ends believe in them. */
  'half-open',
  /** The connections of an agent, or all, are reset. */
  'reset',
  'reset-all',
  /** The agent's process dies, its node loses power, or its pod is replaced in order. */
  'agent-crash',
  'agent-power',
  'agent-restart',
  'kas-crash',
  'kas-power',
  /** A kas drains and comes back. */
  'kas-drain',
  /** All kas, one after the other. */
  'rolling-restart',
  'gitlab-fails',
  'gitlab-hangs',
  'gitlab-slow',
  'git-fails',
  'git-hangs',
  /** The token of an agent is refused for a while. */
  'token-revoked',
  'store-gone',
  'store-hangs',
  'store-slow',
  'store-emptied',
  /** Another store takes over that has not heard of the last writes; meanwhile nobody answers. */
  'store-failover',
  /** The wall clock of a kas jumps. */
  'clock-skew',
  'cluster-refuses',
  'cluster-fails',
  'cluster-slow',
  /** The API server turns most requests away and asks to be left alone for seconds. */
  'cluster-throttles',
  /** The API server forgets the past: watches end, and cannot be taken up where they were. */
  'watches-expire',
  /** Another replica of the agent has the Lease for a while. */
  'lease-lost',
  /** Somebody edits, deletes, or replaces by an object of their own what a manifest has made. */
  'object-edited',
  'object-deleted',
  'object-replaced',
  /** Many pushes to an agent's repositories at once. */
  'push-storm',
] as const;
/** Those that mean something only where there is GitOps. */
export const manifestFaults: ReadonlySet<string> = new Set([
  'watches-expire',
  'object-edited',
  'object-deleted',
  'object-replaced',
]);
export type FaultKind = (typeof faultKinds)[number];
