/** The same seed gives the same run, to the last line of its trace: without that nothing could be replayed. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { drawPlan, simulate } from '../../../src/sim/world/index.ts';

const seeds = Array.from({ length: 4 }, (_, index) => 101 + index);

async function hashes(): Promise<string[]> {
  const found: string[] = [];
  for (const seed of seeds) {
    const { hash, steps } = await simulate(drawPlan(seed));
    found.push(`${seed} ${hash} ${steps}`);
  }
  return found;
}

const elsewhere = `
import { drawPlan, simulate } from ${JSON.stringify(new URL('../../../src/sim/world/index.ts', import.meta.url).href)};
for (const seed of ${JSON.stringify(seeds)}) {
  const { hash, steps } = await simulate(drawPlan(seed));
  console.log(seed + ' ' + hash + ' ' + steps);
}`;

it('twice in one process and once in another', { timeout: 300_000 }, async () => {
  const first = await hashes();
  expect(await hashes()).toEqual(first);
  const other = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', elsewhere]);
  expect(other.stdout.trim().split('\n')).toEqual(first);
});
