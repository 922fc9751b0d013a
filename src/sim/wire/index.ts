/** Simulation over real node:http2: kas and agentk on a network of simulated TCP connections (docs/models.md). */
export { isBugName, namedBugs, type BugName } from './named-bugs.ts';
export { sightings, type WireOutcome } from './outcome.ts';
export { isWireStory, readWireStory, wireStoryOf } from './story.ts';
export { runWire, type WireRuns } from './wire-runs.ts';
