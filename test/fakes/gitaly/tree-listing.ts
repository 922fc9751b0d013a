/** What GetTreeEntries lists: `git ls-tree`, in messages of a few entries each. */
import { create } from '@bufbuild/protobuf';
import {
  type GetTreeEntriesRequest,
  type TreeEntry,
  TreeEntry_EntryType,
  TreeEntrySchema,
} from '../../../src/protocol/index.ts';
import { run } from '../../git/bare-repository.ts';

const entriesPerMessage = 3;
const types: Readonly<Record<string, TreeEntry_EntryType>> = {
  blob: TreeEntry_EntryType.BLOB,
  tree: TreeEntry_EntryType.TREE,
  commit: TreeEntry_EntryType.COMMIT,
};

/** The entries by messages; undefined when revision or folder is not there. */
export async function listTree(
  gitDir: string,
  { revision, path, recursive }: GetTreeEntriesRequest,
): Promise<TreeEntry[][] | undefined> {
  const rev = Buffer.from(revision).toString('utf8');
  const folder = Buffer.from(path).toString('utf8');
  const spec = folder === '.' ? `${rev}^{tree}` : `${rev}:${folder}`;
  const git = (...args: string[]) => run('git', ['--git-dir', gitDir, ...args]).catch(() => undefined);
  const type = (await git('cat-file', '-t', spec))?.toString('utf8').trim();
  if (type === undefined) return undefined;
  if (type !== 'tree') return [];
  const listed = await git('ls-tree', '-z', ...(recursive ? ['-r', '-t'] : []), spec);
  const prefix = folder === '.' ? '' : `${folder}/`;
  const entries = (listed?.toString('utf8') ?? '')
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => entry(line, prefix, rev));
  const messages: TreeEntry[][] = [];
  for (let at = 0; at < entries.length; at += entriesPerMessage) {
    messages.push(entries.slice(at, at + entriesPerMessage));
  }
  return messages;
}

function entry(line: string, prefix: string, commitOid: string): TreeEntry {
  const [head = '', name = ''] = line.split('\t');
  const [mode = '', type = '', oid = ''] = head.split(' ');
  return create(TreeEntrySchema, {
    oid,
    path: Buffer.from(`${prefix}${name}`),
    type: types[type] ?? TreeEntry_EntryType.BLOB,
    mode: Number.parseInt(mode, 8),
    commitOid,
  });
}
