/** HTTP/2 frames on their way, changed or dropped: what a peer with a bug would send (RFC 9113 §4.1). */

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  /** The whole frame, header included. */
  readonly bytes: Buffer;
}

/** What becomes of a frame: itself, another, several, or nothing. */
export type FrameChange = (frame: SeenFrame) => readonly Buffer[];

export const frameType = { data: 0, reset: 3, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const headerBytes = 9;
const prefaceBytes = 24;

/** @param speaksFirst these are the bytes of a client, which begin with its preface */
export function frameFilter(change: FrameChange, speaksFirst: boolean): (bytes: Buffer) => Buffer {
  let held = Buffer.alloc(0);
  let preface = speaksFirst ? prefaceBytes : 0;
  return (bytes) => {
    held = Buffer.concat([held, bytes]);
    const passed: Buffer[] = [];
    const skipped = Math.min(preface, held.length);
    preface -= skipped;
    passed.push(held.subarray(0, skipped));
    held = held.subarray(skipped);
    while (preface === 0 && held.length >= headerBytes) {
      const size = headerBytes + held.readUIntBE(0, 3);
      if (held.length < size) break;
      passed.push(...change({ type: held[3] ?? 0, flags: held[4] ?? 0, bytes: held.subarray(0, size) }));
      held = held.subarray(size);
    }
    return Buffer.concat(passed);
  };
}
