/** Many files of one commit by the question for one: some at a time, within the bounds of all, up to the first failure. */
import type { FileContents, FilesBounds, FilesRead } from '../../ports/index.ts';
import { RepositoryFault } from '../objects/index.ts';

export async function readEach(
  paths: readonly string[],
  { fileBytesMax, totalBytesMax }: FilesBounds,
  atOnceMax: number,
  read: (path: string, bytesMax: number) => Promise<FileContents>,
): Promise<FilesRead> {
  const files = new Map<string, Buffer>();
  const state: { failure: FilesRead | undefined; total: number } = { failure: undefined, total: 0 };
  const todo = paths.values();
  const worker = async (): Promise<void> => {
    for (const path of todo) {
      if (state.failure !== undefined) return;
      const file = await read(path, Math.min(fileBytesMax, totalBytesMax - state.total)).catch(faultOf);
      if (file.kind !== 'file') {
        state.failure ??= { ...file, path };
        return;
      }
      state.total += file.bytes.length;
      // Those under way at the same time were measured without each other.
      if (state.total > totalBytesMax) {
        state.failure ??= { kind: 'tooBig', reason: 'the files together are bigger than the maximum', path };
        return;
      }
      files.set(path, file.bytes);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, paths.length) }, () => worker()));
  return state.failure ?? { kind: 'files', files };
}

/** A fault is about the file that was read; anything else is a bug. */
function faultOf(error: unknown): FileContents {
  if (error instanceof RepositoryFault) return error.failure;
  throw error;
}
