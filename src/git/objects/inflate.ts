/** zlib on the thread pool, never making more bytes than the header promised. */
import { promisify } from 'node:util';
import { constants, inflate, inflateSync } from 'node:zlib';
import { corrupt } from './repository-fault.ts';

const inflateOnPool = promisify(inflate) as (
  bytes: Buffer,
  options: { readonly maxOutputLength: number; readonly finishFlush: number },
) => Promise<Buffer>;

/** Inflates a stream of known length; bytes after its end are ignored. */
export async function inflateExactly(bytes: Buffer, size: number): Promise<Buffer> {
  if (size === 0) return Buffer.alloc(0);
  try {
    const inflated = await inflateOnPool(bytes, {
      maxOutputLength: size,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    if (inflated.length === size) return inflated;
  } catch {
    // Longer than promised, or not zlib at all: either way the verdict below.
  }
  throw corrupt('an object does not inflate to its size');
}

/** The first bytes of a stream, as many as come out of `bytes`: enough for a loose object's header. */
export function inflateStart(bytes: Buffer): Buffer {
  try {
    return inflateSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    throw corrupt('a loose object is not a zlib stream');
  }
}
