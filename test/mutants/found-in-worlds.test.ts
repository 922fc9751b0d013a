/**
 * Simulated worlds find bugs with a name: some that are found at once, each in its seed. All of them: docs/models.md, whose
 * tables name every bug.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { namedBugs } from './named-bugs.ts';
import type { SeedsFound } from './seeds.ts';

const program = fileURLToPath(new URL('seeds.ts', import.meta.url));

function foundIn(seed: number, id: string): SeedsFound {
  const bug = namedBugs.find((one) => one.id === id);
  if (bug === undefined) throw new Error(`there is no bug called ${id}`);
  const task = { from: seed, seeds: seed, wrong: { kind: 'source', bug } };
  const { stdout } = spawnSync(process.execPath, [program, JSON.stringify(task)], { encoding: 'utf8' });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as SeedsFound;
}

const foundAtOnce = [
  ['a request that left stays among those who wait', 1, 'counts-are-true'],
  ['silent agents are trusted', 1, 'stays-end'],
  ['forgotten unregister', 1, 'one-entry-per-pod'],
  ['the pool does not grow', 1, 'pool-fits'],
  ['GOAWAY missed', 2, 'sent-away-is-heard'],
  ['no jitter in the redial', 2, 'waits-are-spread'],
] as const;

describe('a bug with a name breaks a simulated world', { timeout: 300_000 }, () => {
  it.each(foundAtOnce)('%s: seed %d breaks %s', (id, seed, invariant) => {
    expect(foundIn(seed, id)).toMatchObject({ seed, invariant });
  });
});

describe('what docs/models.md says of bugs with a name', () => {
  const text = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8').replaceAll(/\s+/g, ' ');

  it.each(namedBugs)('$id: whether worlds find it', ({ id }) => {
    expect(text).toContain(`| ${id} |`);
  });
});
