/** News of refs on this disk, with real repositories and the real clock. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RefNews } from '../../src/git/local/index.ts';
import { systemClock } from '../../src/host/index.ts';
import { silentLog } from '../gitlab/recording-log.ts';
import { BareRepository, temporaryFolder } from './bare-repository.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let gitDir: string;
let news: RefNews;
let heard: number;

beforeEach(async () => {
  folder = await temporaryFolder();
  gitDir = join(folder.path, 'group', 'one.git');
  news = new RefNews({ clock: systemClock, log: silentLog });
  heard = 0;
});
afterEach(async () => {
  news.close();
  await folder[Symbol.asyncDispose]();
});

const listen = () => news.listen(gitDir, () => (heard += 1));
const hearsOf = async (what: () => Promise<unknown>) => {
  const before = heard;
  await what();
  await expect.poll(() => heard, { timeout: 20_000 }).toBeGreaterThan(before);
};
/** Until nothing was heard between two looks: what was done before is told. */
const quiet = () => {
  let last = -1;
  const isQuiet = () => {
    const same = heard === last;
    last = heard;
    return same;
  };
  return expect.poll(isQuiet, { timeout: 20_000, interval: 200 }).toBe(true);
};

it('a push is heard, until the last listener has gone', async () => {
  const repository = await BareRepository.init(gitDir);
  const stop = listen();
  await hearsOf(() => repository.commit({ a: '1' }));
  await quiet();
  await hearsOf(() => repository.git('tag', 'v1', 'main'));
  await hearsOf(() => repository.git('pack-refs', '--all'));
  stop();
  expect(news.count).toBe(0);
});

it('a repository that is deleted and made anew is heard of, and what is pushed to the new one', async () => {
  await (await BareRepository.init(gitDir)).commit({ a: '1' });
  listen();
  await hearsOf(() => rm(gitDir, { recursive: true }));
  await quiet();
  await hearsOf(() => BareRepository.init(gitDir));
  await quiet();
  await hearsOf(() => new BareRepository(gitDir).commit({ a: '2' }));
});

it('a repository that takes the place of another is heard of, and what is pushed to it', async () => {
  await (await BareRepository.init(gitDir)).commit({ a: '1' });
  const other = await BareRepository.init(join(folder.path, 'group', 'two.git'));
  await other.commit({ a: 'other' });
  listen();
  await hearsOf(async () => {
    await rename(gitDir, `${gitDir}.away`);
    await rename(other.gitDir, gitDir);
  });
  await quiet();
  await hearsOf(() => new BareRepository(gitDir).commit({ a: '2' }));
  await quiet();
  const before = heard;
  await new BareRepository(`${gitDir}.away`).commit({ a: '3' });
  await quiet();
  expect(heard).toBe(before);
});
