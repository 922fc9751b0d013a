/** Bounds of one simulated run: what exceeds them is a bug of the simulated system or of the simulation. */
export const kernelLimits = {
  /** Steps at one instant before the run counts as a livelock. */
  stepsPerInstantMax: 50_000,
  /** Steps of a whole run. */
  stepsMax: 200_000_000,
  /** Lines of the trace that are kept for people; the hash covers all of them. */
  traceLinesKept: 400,
} as const;
