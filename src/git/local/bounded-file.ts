/** Reading from disk with a bound: never more bytes into memory than the caller named. */
import { open, type FileHandle } from 'node:fs/promises';
import { corrupt, isAbsent, RepositoryFault } from '../objects/index.ts';

/** Bytes of an open file; fewer than `length` only where the file ends. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Exactly so many bytes, else the repository is corrupt. */
export async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = await readAt(file, position, length);
  if (bytes.length !== length) throw corrupt('a file ends too early');
  return bytes;
}

/** A whole file, undefined when it is not there; throws a fault when it is larger than `bytesMax`. */
export async function readWhole(path: string, bytesMax: number): Promise<Buffer | undefined> {
  const file = await openIfPresent(path);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > bytesMax) throw new RepositoryFault('unavailable', `file is too large to read: ${size} bytes`);
    return await readAt(file, 0, size);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

export async function openIfPresent(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
