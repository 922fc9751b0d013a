/** Bounds of what is kept and told for people. */
export const inspectLimits = {
  /** Transitions of actors that live long, and of those that live for one request or less, in the flight recorder. */
  recordedMax: 20_000,
  recordedHotMax: 10_000,
  /** Transitions of short-lived actors recorded in full per second; above it one life in ten. */
  hotPerSecondMax: 2_000,
  /** Transitions kept of one actor that has a ring of its own. */
  stepsPerActorMax: 128,
  /** Different (event, state, state) the rings can name. */
  transitionNamesMax: 4_096,
  /** Ways out of one state that a check follows, and answers it remembers. */
  waysMax: 4_096,
  possibleStepsMax: 100_000,
  /** Lines of a recording that are written at once. */
  recordingLinesAtOnce: 500,
  /** What one event stream may have unsent before it is skipped. */
  streamUnsentBytesMax: 256 * 1024,
} as const;
