/** The bounds of synchronising with the cluster. Sizes of commits are bounded where they are read (`src/manifests`). */
export const gitopsLimits = {
  /** Manifest projects of one agent; each costs a stream and two actors. */
  projectsMax: 256,
  /** Files and bytes of one commit; kas has limits of its own below these (`spec/agentk.md §5.2`). */
  filesMax: 20_000,
  commitBytesMax: 256 * 1024 * 1024,
  /** Threads that read manifests. */
  workerThreadsMax: 2,
  /** Informers and waits of all projects. */
  clusterWatchesMax: 4_096,
  /** Objects of one kind rank that are applied, fetched or deleted at once. The gate of all calls has its own bound. */
  objectsAtOnceMax: 8,
  /** A key of an inventory, and all of them with their values: what the API server allows in a ConfigMap. */
  inventoryKeyCharactersMax: 253,
  inventoryBytesMax: 1024 * 1024,
  /** Faults, ids and reasons told in one text. */
  toldMax: 10,
  textCharactersMax: 1_000,
  /** Objects of one kind that are watched for in more namespaces than this are watched in all namespaces at once. */
  namespacesWatchedMax: 8,
  /** Watches of one wait, and of looking for drift. */
  watchesMax: 64,
  /** How often what is awaited is judged anew although nothing happened: some rules depend on the time (`spec/agentk.md §5.12`). */
  judgeAgainMs: 15_000,
  /** Pods of one workload that are looked at when it does not become ready. */
  podsLookedAtMax: 500,
  /** Tries to hand the fields of client-side apply over while others write the object. */
  migrationTriesMax: 5,
  /** So many unchanged objects of one kind and namespace are looked at by a list instead of one by one. */
  listedTogetherMin: 4,
  /** A list is given up when it shows more objects of others than this for each of ours. */
  strangersPerObjectMax: 20,
  /** An object that drifts again and again is mended at once the first times, then ever later: somebody else wants it otherwise. */
  driftPauseInitMs: 10_000,
  driftPauseFactor: 2,
  driftPauseMsMax: 300_000,
  driftCalmMs: 900_000,
} as const;
