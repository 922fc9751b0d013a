/** The same seed is the same run: nothing leaks in from the machine, from what ran before, or from another process. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { runWire } from '../../../src/sim/wire/index.ts';

const seeds = [3, 7, 11, 16];

test(
  'a seed leaves the same trace twice in one thread and in another process',
  { timeout: 600_000 },
  async () => {
    const hashes: string[] = [];
    for await (const { hash } of runWire({ seeds: [...seeds, ...seeds.toReversed()] })) hashes.push(hash);
    const [first, second] = [hashes.slice(0, seeds.length), hashes.slice(seeds.length).toReversed()];
    expect(second).toEqual(first);
    for (const [index, seed] of seeds.slice(0, 2).entries()) {
      const script = ['src/cli/kastor.ts', 'simulate', '--level', '2', '--seed', String(seed)];
      const { stdout } = await promisify(execFile)(process.execPath, script);
      expect(stdout).toContain(`trace ${first[index]}\n`);
    }
  },
);

test('so do calls between our gRPC and grpc-js', { timeout: 600_000 }, async () => {
  const hashes: string[] = [];
  for await (const { hash } of runWire({ scenario: 'calls', seeds: [...seeds, ...seeds] })) hashes.push(hash);
  expect(hashes.slice(seeds.length)).toEqual(hashes.slice(0, seeds.length));
});
