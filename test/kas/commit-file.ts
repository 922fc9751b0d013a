/** Commits to bare repositories, made as a push makes them. */
import fs from 'node:fs';
import git from 'isomorphic-git';

/** A new commit on main whose tree is this file alone; without a text it is another one. */
export async function commitFile(gitdir: string, path: string, text: string | undefined): Promise<string> {
  const folders = text === undefined ? [] : path.split('/').slice(0, -1);
  const name = text === undefined ? 'README' : (path.split('/').at(-1) ?? path);
  let oid = await git.writeBlob({ fs, gitdir, blob: Buffer.from(text ?? '') });
  let entry = { mode: '100644', path: name, type: 'blob' as 'blob' | 'tree' };
  for (const folder of [...folders.toReversed(), '']) {
    oid = await git.writeTree({ fs, gitdir, tree: [{ ...entry, oid }] });
    entry = { mode: '040000', path: folder, type: 'tree' };
  }
  const by = { name: 'a', email: 'a@example.com', timestamp: 1, timezoneOffset: 0 };
  const parent = [await git.resolveRef({ fs, gitdir, ref: 'refs/heads/main' })];
  const commit = { message: 'm\n', tree: oid, parent, author: by, committer: by };
  const made = await git.writeCommit({ fs, gitdir, commit });
  await git.writeRef({ fs, gitdir, ref: 'refs/heads/main', value: made, force: true });
  return made;
}
