/** The command line of `kas` as scripts and people use it: what goes where, and with which exit code. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../system/world.ts';

const program = new URL('../../src/cli/kas.ts', import.meta.url).pathname;
const kas = (...args: readonly string[]) => run(process.execPath, [program, ...args]);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kastor-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('what is asked for goes to stdout, with exit code 0', () => {
  it.each(['-v', '--version'])('%s is one line', async (flag) => {
    expect(await kas(flag)).toEqual({
      code: 0,
      stdout: 'kas version v0.0.0, commit: 00000000, built: 00000000.000000\n',
      stderr: '',
    });
  });

  it.each(['-h', '--help'])('%s names every flag', async (flag) => {
    const { code, stdout, stderr } = await kas(flag);
    expect([code, stderr]).toEqual([0, '']);
    for (const known of ['--configuration-file', '--version', '--help']) expect(stdout).toContain(known);
  });
});

describe('what is wrong is one line on stderr, with exit code 1', () => {
  it.each([
    [[], 'required flag(s) "configuration-file" not set'],
    [['--configuration-file'], "option '--configuration-file <path>' argument missing"],
    [['--configuration-file', 'a.yaml', 'b.yaml'], expect.stringContaining('too many arguments')],
    [
      ['--configuration-file', 'a.yaml', '--no-such-flag'],
      expect.stringContaining("unknown option '--no-such-flag'"),
    ],
    [
      ['--configuration-file=/nowhere.yaml'],
      expect.stringMatching(/^configuration file: ENOENT.*nowhere\.yaml/),
    ],
  ])('%j', async (args, reason) => {
    const { code, stdout, stderr } = await kas(...args);
    expect([code, stdout]).toEqual([1, '']);
    const [line = '', ...more] = stderr.split('\n');
    expect(more).toEqual(['']);
    expect(line).toMatch(/^Program aborted: /);
    expect(line.slice('Program aborted: '.length)).toEqual(reason);
  });

  it('also where the cause has several', async () => {
    await writeFile(join(folder, 'gitlab.yaml'), 'agents: [{ id: 0, name: X }]\nextra: 1\n');
    await writeFile(join(folder, 'kas.yaml'), 'standalone: { file: gitlab.yaml }\n');
    const { code, stdout, stderr } = await kas('--configuration-file', join(folder, 'kas.yaml'));
    expect([code, stdout]).toEqual([1, '']);
    const plain = stderr.split('\n').filter((line) => !line.startsWith('{'));
    expect(plain).toEqual([
      expect.stringMatching(
        /^Program aborted: .*gitlab\.yaml cannot be used: .*agents\[0\]\.name.*extra: unknown key/,
      ),
      '',
    ]);
  });
});
