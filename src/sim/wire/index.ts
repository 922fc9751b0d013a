/** Simulation over real node:http2: kas and agentk on a network of simulated TCP connections (docs/models.md). */
export { namedBugs, type BugName } from './named-bugs.ts';
export { sightings, type WireOutcome } from './outcome.ts';
export { runWire } from './wire-runs.ts';
