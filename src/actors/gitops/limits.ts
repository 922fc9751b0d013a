/** Bounds of delivering manifests to agents. What the configuration file bounds is not here (`spec/kas.md §2.2`, `agent.gitops`). */
export const gitopsLimits = {
  /** Streams one session may hold: one per manifest project. */
  streamsPerSessionMax: 256,
  streamsMax: 40_000,
  pollersMax: 20_000,
  /** Bytes of one Object message's data, as in the originals. */
  chunkBytesMax: 128 * 1024,
  /** File contents kept by blob id, so that what did not change is neither fetched nor parsed again. */
  blobBytesMax: 256 * 1024 * 1024,
  /** Commits' selections kept for agents that ask for the same. */
  contentsMax: 1_024,
  /** Files of one commit that one question asks for; each question has its deadline. */
  filesTogetherMax: 250,
  /** Entries of one tree listing, folders included. */
  treeEntriesMax: 100_000,
  /** Alternatives one glob's braces may multiply to. */
  globAlternativesMax: 1_000,
  /** Characters of one glob. */
  globCharactersMax: 4_096,
} as const;

/** How long things may take, in milliseconds. */
export const gitopsTimes = {
  authorizeMsMax: 30_000,
  pollMsMax: 30_000,
  /** All of one commit: listing, files, parsing. */
  fetchMsMax: 300_000,
  /** An agent that takes nothing for so long has gone. */
  stalledMsMax: 120_000,
} as const;
