/** Every bound of the kas actors, in one place. Each has a gauge or a counter where it can be neared. */
export const actorLimits = {
  /** Agent connections one kas holds. */
  connectionsMax: 20_000,
  /** New connections on the agent listener: at once, and per second over a long time. */
  acceptsBurst: 4_000,
  acceptsPerSecond: 1_000,
  /** Connections on which no agent was accepted yet. */
  strangersMax: 2_000,
  /** Connections of which it is not known yet what they speak. */
  arrivalsMax: 4_096,
  /** Connections of GitLab, and as many of other kas. */
  rpcConnectionsMax: 1_000,
  /** Tokens refused on one connection: remembered, and asked about at once and per second over a long time. */
  refusalsRemembered: 32,
  refusalsBurst: 100,
  refusalsPerSecond: 1,
  /** Log lines about refused agents: at once, and per second over a long time. */
  refusalLinesBurst: 60,
  refusalLinesPerSecond: 1,
  /** Log lines about connections that were ended for abuse: at once, and per second over a long time. */
  abuseLinesBurst: 10,
  abuseLinesPerSecond: 0.2,
  /** Sessions: tokens on connections. */
  sessionsMax: 20_000,
  /** Tunnels of all agents together. */
  tunnelsMax: 400_000,
  /** Tunnels one session may hold; agentk itself stops at 500. */
  tunnelsPerSessionMax: 1_000,
  /** Requests being authorised, waiting or forwarded. */
  requestsMax: 20_000,
  /** Requests waiting for one agent's tunnel. */
  waitersPerAgentMax: 1_000,
  /** Configuration streams one session may hold. */
  watchesPerSessionMax: 16,
  watchesMax: 40_000,
  /** Streams of pushes one session may hold, projects on one, and pushes that wait on one (`spec/kas.md §4.4`). */
  fluxStreamsPerSessionMax: 16,
  fluxProjectsPerStreamMax: 5_000,
  fluxPushesQueuedMax: 10,
  fluxStreamsMax: 40_000,
  /** Requests of agents' modules to GitLab under way. */
  moduleRequestsMax: 2_000,
  /** Calls of one session waiting for its token to be accepted. */
  waitingCallsPerSessionMax: 1_100,
  /** Ids, and events, of usage that GitLab was not told yet, of all counters together. */
  usageIdsMax: 200_000,
  usageEventsMax: 50_000,
} as const;

/** How long things may take (`spec/wire.md §4.4`, `§6.4`, `§12`). */
export const actorTimes = {
  /** From the accepted connection to the client's HTTP/2 preface and settings. */
  prefaceMs: 10_000,
  vacancyMs: 120_000,
  /** A connection without an agent that is older may have to make room for a new one. */
  strangerGraceMs: 5_000,
  /** A stopping kas sends its connections away at this distance, all of them within the second number. */
  sendAwayEachMs: 2,
  sendAwayMsMax: 10_000,
  /** A refused token is refused from memory for so long, on the connection where it was refused. */
  refusalMemoryMs: 1_000,
  /** How late a session's chart may hear how many tunnels it has. */
  tunnelCountMs: 200,
  keepaliveMs: 50_000,
  pingAckMs: 20_000,
  lastCallMs: 5_000,
  lookupBackoffMs: { init: 20, max: 5_000 },
  lookupMsMax: 15_000,
  findMsMax: 20_000,
  configurationStepMsMax: 30_000,
  authorizeMsMax: 60_000,
  usageReportMsMax: 30_000,
  /** A request of an agent's module to GitLab, from its first message to its end. */
  moduleRequestMsMax: 600_000,
} as const;
