/** The invariants can fail: bugs planted by name are found (`src/sim/wire/named-bugs.ts`; all of them: docs/models.md). */
import { expect, test } from 'vitest';
import { namedBugs, runWire, type BugName } from '../../../src/sim/wire/index.ts';

const seeds = Array.from({ length: 10 }, (_, index) => index + 1);

async function foundBy(bug: BugName): Promise<string | undefined> {
  for await (const { failure } of runWire({ scenario: namedBugs[bug].scenario, bug, seeds })) {
    if (failure !== undefined) return failure.id;
  }
  return undefined;
}

test.each([
  ['kas never gives a window back', 'progress'],
  ['kas loses a message', 'right-bytes'],
  ['agentk loses a frame', 'right-bytes'],
  ['agentk sends a frame twice', 'right-bytes'],
  ['deadlines do not fire', 'on-time'],
  ['deadlines are not released', 'nothing-left'],
] as const)('%s: found by %s', { timeout: 600_000 }, async (bug, id) => {
  expect(await foundBy(bug)).toBe(id);
});
