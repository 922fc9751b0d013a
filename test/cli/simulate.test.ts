/** `kastor simulate` as people use it: both levels, what they write, and that it runs again. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSimulate } from '../../src/cli/simulate.ts';
import { readReplay } from '../../web/replay/trace-file.ts';
import { run } from '../system/world.ts';

const program = new URL('../../src/cli/kastor.ts', import.meta.url).pathname;
const kastor = (...args: readonly string[]) => run(process.execPath, [program, 'simulate', ...args]);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kastor-simulate-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a level of the simulation', { timeout: 300_000 }, () => {
  it('1 tells what happened, and writes a run for the Replay page that runs again', async () => {
    const trace = join(folder, 'trace.jsonl');
    const calm = ['--seed', '5', '--agents', '1', '--kas', '1', '--faults', 'none', '--until', '5'];
    const { code, stdout } = await kastor(...calm, '--threads', '1', '--trace', trace);
    expect(stdout).toMatch(/^seed 5: 0 faults.*1 agents, 1 kas[^]*\n1 seeds, 0 failed\n/);
    expect(code).toBe(0);
    expect(readReplay(await readFile(trace, 'utf8'))).toMatchObject({ replay: { about: 'seed 5' } });
  });

  it('2 exits with 1 when a seed fails, and writes it so that it runs again bit for bit', async () => {
    const output = join(folder, 'failed-SEED.json');
    const planted = ['--bug', 'agentk loses a frame', '--output', output];
    const failed = await kastor('--level', '2', '--seeds', '1', '--threads', '1', ...planted);
    expect(failed.stdout).toMatch(/^1 seeds, 1 failed\n[^]*✗ seed 1: right-bytes: /);
    expect(failed.code).toBe(1);
    const file = join(folder, 'failed-1.json');
    const found = readReplay(await readFile(file, 'utf8'));
    expect(found).toMatchObject({
      replay: { about: 'seed 1 of level 2', failure: expect.stringMatching(/^right-bytes: /) },
    });
    const again = await kastor('--replay', file);
    expect(again.stdout).toMatch(/\n✗ right-bytes: .*\ntrace \S+: as written, bit for bit\n$/);
    expect(again.code).toBe(1);
  });
});

it.each([
  [{ level: '3' }, /--level: 1 or 2 is wanted, not 3/],
  [{ level: '2', agents: '3' }, /--agents is of level 1/],
  [{ level: '2', seeds: 'many' }, /--seeds: a whole number above 0 is wanted, not many/],
  [{ calls: true }, /give --level 2 as well/],
  [{ level: '2', bug: 'bad luck' }, /there is no bug called bad luck; there are: kas forgets GOAWAY/],
  [{ level: '2', calls: true, bug: 'kas forgets GOAWAY' }, /is one of kas and agentk: leave out --calls/],
  [{ trace: 'x' }, /give --seed or --replay as well/],
  [{ replay: program }, /cannot be replayed: /],
] as const)('%j is a wrong command line', async (given, reason) => {
  const options = { level: '1', from: '1', shrink: true, output: 'nowhere.json', ...given };
  const trouble = await runSimulate(options).catch((error: unknown) => error);
  expect(trouble).toMatchObject({ exitCode: 2, message: expect.stringMatching(reason) });
});
