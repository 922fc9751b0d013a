/** `kastor charts` as people and scripts use it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { charts } from '../../statecharts/index.ts';
import { run } from '../system/world.ts';

const program = new URL('../../src/cli/kastor.ts', import.meta.url).pathname;
const kastor = (...args: readonly string[]) => run(process.execPath, [program, 'charts', ...args]);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kastor-charts-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('lists all charts, each with what it is', async () => {
  const { code, stdout, stderr } = await kastor();
  expect([code, stderr]).toEqual([0, '']);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => line.split(' ')[0])).toEqual(charts.map(({ name }) => name));
  for (const line of lines) expect(line).toMatch(/^\S+ {2,}\S.*\S$/);
});

it.each([
  [['request', '--full'], /^<svg [^]*joinWaiters[^]*<\/svg>\n$/],
  [['request', '--format', 'mermaid'], /^stateDiagram-v2\n/],
  [['request', '--format', 'scxml'], /^<\?xml [^]*<\/scxml>\n$/],
])('%j goes to stdout', async (args, what) => {
  const { code, stdout, stderr } = await kastor(...args);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(what);
});

it('writes to a file when asked', async () => {
  const file = join(folder, 'request.json');
  const written = await kastor('request', '--format', 'json', '--output', file);
  expect(written).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ id: 'request', initial: 'authorizing' });
});

it.each([
  [['nothing'], 'kastor: no chart is called nothing; "kastor charts" lists them\n'],
  [
    ['kas', '--output', '/nowhere/kas.svg'],
    expect.stringMatching(/^kastor: ENOENT.*\/nowhere\/kas\.svg'\n$/),
  ],
])('%j fails in one line', async (args, reason) => {
  expect(await kastor(...args)).toEqual({ code: 1, stdout: '', stderr: reason });
});

it('a format that is none is a wrong command line', async () => {
  const { code, stdout, stderr } = await kastor('kas', '--format', 'gif');
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(
    /^kastor: option '--format <format>' argument 'gif' is invalid. Allowed choices are svg/,
  );
});
