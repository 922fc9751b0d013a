/** Bodies whose every byte is known from their number, so that whoever receives a piece can tell whether it is the right one. */
import { SeededRandom } from '../kernel/index.ts';

const blockBytes = 64 * 1024;
const block = makeBlock();

function makeBlock(): Buffer {
  const random = new SeededRandom(1, 'content');
  const bytes = Buffer.alloc(blockBytes * 2);
  for (let at = 0; at < blockBytes; at += 4) bytes.writeUInt32LE(random.u32(), at);
  bytes.copy(bytes, blockBytes, 0, blockBytes);
  return bytes;
}

/** Bytes of a body, from an offset on. */
export function contentOf(body: number, offset: number, bytes: number): Buffer {
  const pieces: Buffer[] = [];
  for (let done = 0; done < bytes;) {
    const at = place(body, offset + done);
    const size = Math.min(bytes - done, blockBytes);
    pieces.push(block.subarray(at, at + size));
    done += size;
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

/** Counts what arrives of a body and notices the first byte that is not its own. */
export class ContentCheck {
  readonly #body: number;
  bytes = 0;
  isTrue = true;

  constructor(body: number) {
    this.#body = body;
  }

  take(chunk: Buffer): void {
    for (let done = 0; done < chunk.length;) {
      const size = Math.min(chunk.length - done, blockBytes);
      const at = place(this.#body, this.bytes + done);
      if (block.compare(chunk, done, done + size, at, at + size) !== 0) this.isTrue = false;
      done += size;
    }
    this.bytes += chunk.length;
  }
}

function place(body: number, offset: number): number {
  return (body * 7919 + offset) % blockBytes;
}
