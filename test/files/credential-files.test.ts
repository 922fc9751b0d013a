/** Credential files on disk under their actor: taken, changed, broken, mended. */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CredentialFiles, watchedFilesChildren, type Meaning } from '../../src/files/index.ts';
import { Registry, reportsToLog, Supervisor } from '../../src/supervisor/index.ts';
import { watchedFilesDelays } from '../../statecharts/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { temporaryFolder } from '../git/bare-repository.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';

const never = new AbortController().signal;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let clock: VirtualClock;
let log: RecordingLog;
let supervisor: Supervisor | undefined;

beforeEach(async () => {
  folder = await temporaryFolder();
  clock = new VirtualClock();
  log = new RecordingLog();
});
afterEach(async () => {
  await supervisor?.stop('test');
  supervisor = undefined;
  await folder[Symbol.asyncDispose]();
});

/** Good is what says so; each reading makes a new object. */
function parse(contents: readonly Buffer[]): Meaning<{ readonly text: string }> {
  const text = contents.join('|');
  return text.startsWith('good')
    ? { kind: 'ok', value: { text } }
    : { kind: 'invalid', reason: 'must begin with good' };
}

function credentials(...names: readonly string[]): CredentialFiles<{ readonly text: string }> {
  return new CredentialFiles({
    name: 'some.key',
    files: names.map((name) => join(folder.path, name)),
    parse,
    log,
  });
}

async function watched(files: CredentialFiles<unknown>, silent = false): Promise<void> {
  supervisor = new Supervisor(
    {
      id: 'files',
      strategy: 'one_for_one',
      children: watchedFilesChildren(new Map([[files.name, files]]), {
        clock,
        log,
        ...(silent ? { watchFolder: () => ({ close() {} }) } : {}),
      }),
    },
    {
      clock,
      random: { next: () => 0, int63: () => 0n },
      registry: new Registry(),
      report: reportsToLog(log),
    },
  );
  await supervisor.start();
}

/** File news come in real time, everything else in ours. */
async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(
    async () => {
      await clock.advanceAsync(watchedFilesDelays.settleMs);
      expect(condition()).toBe(true);
    },
    { timeout: 10_000, interval: 5 },
  );
}

const write = (name: string, text: string) => writeFile(join(folder.path, name), text);

describe('a first reading', () => {
  it('puts good files in force, and only then there is something current', async () => {
    await write('a', 'good');
    await write('b', 'morning');
    const files = credentials('a', 'b');
    expect(() => files.current).toThrow('some.key: not read yet');
    expect(await files.read(never)).toEqual({ kind: 'accepted' });
    expect(files.current).toEqual({ text: 'good|morning' });
  });

  it.each([
    ['is missing', async () => {}, /\/a: does not exist$/],
    ['is a folder', () => mkdir(join(folder.path, 'a')), /\/a: is not a file$/],
    [
      'is too large',
      () => write('a', 'good'.repeat(300_000)),
      /\/a: has 1200000 bytes, at most 1048576 are read$/,
    ],
    ['means nothing', () => write('a', 'evil'), /\/a: must begin with good$/],
  ])('of a file that %s is rejected naming it', async (_, make, reason) => {
    await make();
    const files = credentials('a');
    expect(await files.read(never)).toMatchObject({
      kind: 'rejected',
      reason: expect.stringMatching(reason),
    });
    expect(() => files.current).toThrow('not read yet');
  });

  it('that was given up changes nothing', async () => {
    await write('a', 'good');
    const files = credentials('a');
    await expect(files.read(AbortSignal.abort())).rejects.toThrow();
    expect(() => files.current).toThrow('not read yet');
  });
});

describe('a file under watch', () => {
  it('takes effect when it changes, once', async () => {
    await write('a', 'good old');
    const files = credentials('a');
    await watched(files);
    await write('a.new', 'good new');
    await rename(join(folder.path, 'a.new'), join(folder.path, 'a'));
    await until(() => files.current.text === 'good new');
    expect(log.lines.filter(({ message }) => message === 'Changed file is in force')).toHaveLength(1);
    expect(log.text).toContain('some.key');
    expect(log.text).not.toContain('good new');
  });

  it('is the same object while its contents are the same', async () => {
    await write('a', 'good');
    const files = credentials('a');
    await watched(files);
    const before = files.current;
    await write('a', 'good');
    await files.read(never);
    expect(files.current).toBe(before);
  });

  it('keeps the last good contents while it is broken or gone, and says so', async () => {
    await write('a', 'good');
    const files = credentials('a');
    await watched(files);
    await write('a', 'evil');
    await until(() => files.problem.endsWith('must begin with good'));
    expect(files.current.text).toBe('good');
    await rm(join(folder.path, 'a'));
    await until(() => files.problem.endsWith('does not exist'));
    expect(files.current.text).toBe('good');
    expect(log.text).toContain('error Changed file cannot be used; the last good one stays in force');
    expect(log.text).not.toContain('evil');
    await write('a', 'good again');
    await until(() => files.problem === '');
    expect(files.current.text).toBe('good again');
  });

  it('is noticed in the folder of each of several', async () => {
    await mkdir(join(folder.path, 'other'));
    await write('a', 'good');
    await write('other/b', '1');
    const files = credentials('a', 'other/b');
    await watched(files);
    await write('other/b', '2');
    await until(() => files.current.text === 'good|2');
    await write('a', 'good and');
    await until(() => files.current.text === 'good and|2');
  });

  it('is noticed behind the links of a mounted Secret', async () => {
    for (const version of ['v1', 'v2']) {
      await mkdir(join(folder.path, version));
      await write(`${version}/a`, `good ${version}`);
    }
    await symlink('v1', join(folder.path, '..data'));
    await symlink('..data/a', join(folder.path, 'a'));
    const files = credentials('a');
    await watched(files);
    await symlink('v2', join(folder.path, '..data_tmp'));
    await rename(join(folder.path, '..data_tmp'), join(folder.path, '..data'));
    await until(() => files.current.text === 'good v2');
  });

  it('is noticed by polling where the system tells nothing', async () => {
    await write('a', 'good old');
    const files = credentials('a');
    await watched(files, true);
    await write('a', 'good new');
    await until(() => files.current.text === 'good new');
  });
});
