/** Bounds of reading manifests. Sizes of files and their number are bounded before, by whoever fetched them. */
export const manifestLimits = {
  /** Nesting of lists and maps in one document. */
  depthMax: 100,
  /** Alias nodes in one document. */
  aliasesMax: 1_000,
  /** Values in one document after aliases are written out. */
  valuesMax: 1_000_000,
  /** Objects in one set of files, lists flattened. */
  objectsMax: 100_000,
  /** Faults and warnings told of one set of files; more are counted. */
  faultsMax: 100,
  /** Characters of a fault's text that came from the file or the parser. */
  reasonCharactersMax: 300,
  /** How much of a file is looked at to tell JSON from YAML, as in the originals. */
  sniffBytesMax: 4_096,
  /** Source bytes one worker task reads, unless one file is bigger. */
  taskBytesMax: 256 * 1024,
  /** Tasks waiting for a worker; a set that does not fit is refused as busy. */
  queueMax: 4_096,
  /** What one task may take before its worker is killed, in milliseconds. */
  taskMsMax: 30_000,
  /** Heap of one worker, in MiB; a task that needs more loses its worker. */
  workerHeapMiBMax: 512,
  /** A worker with nothing to do ends after this. */
  idleMs: 60_000,
} as const;
