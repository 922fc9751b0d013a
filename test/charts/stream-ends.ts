/** The ends of a stream as events tell them: those of now, or of an older one. */
import type { Fields } from '../../src/testing/index.ts';

export const ends = ({ stream }: Fields, verdicts: readonly string[]) =>
  verdicts.flatMap((verdict) => [
    { stream, verdict, atMs: 1_000_000, livedMs: 10 },
    { stream, verdict, atMs: 1_000_000, livedMs: 100_000 },
    { stream, verdict, atMs: 0, livedMs: 100_000 },
  ]);
