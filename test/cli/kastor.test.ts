/** `kastor` as scripts run it: what goes where, and with which exit code. */
import { expect, it } from 'vitest';
import { run } from '../system/world.ts';

const program = new URL('../../src/cli/kastor.ts', import.meta.url).pathname;
const kastor = (...args: readonly string[]) => run(process.execPath, [program, ...args]);

it.each([
  [['--version'], 0, /^v\d/, /^$/],
  [['agents', '--help'], 0, /--token-file <file>[^]*KASTOR_TOKEN/, /^$/],
  [['nonsense'], 2, /^$/, /^kastor: unknown command 'nonsense'\n/],
  [['agents', '--token', 'x'], 2, /^$/, /^kastor: unknown option '--token'/],
  [
    ['agents', '--kas', 'http://127.0.0.1:1'],
    3,
    /^$/,
    /^kastor: cannot reach kas at [^\n]* Give --kas [^\n]*\n$/,
  ],
  [['conform', '/nowhere/file'], 2, /^$/, /^kastor: \/nowhere\/file cannot be read: ENOENT[^\n]*\n$/],
  [['completion', 'bash'], 0, /complete -F _kastor_complete kastor\n$/, /^$/],
])('%j ends with %d', async (args, exitCode, out, err) => {
  const { code, stdout, stderr } = await kastor(...args);
  expect(code).toBe(exitCode);
  expect(stdout).toMatch(out);
  expect(stderr).toMatch(err);
});
