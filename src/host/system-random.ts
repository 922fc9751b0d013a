/** Real randomness: `next` for jitter, `int63` from the system's generator for ids that must not collide. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/index.ts';

export const systemRandom: Random = {
  next: () => Math.random(),
  int63: () => randomBytes(8).readBigUInt64BE() >> 1n,
};
