/** What a manifest worker answers. Objects' JSON lies in one buffer that changes hands instead of being copied. */
import type { Manifest, ManifestFault } from './manifest.ts';

/** A manifest whose JSON is a range of the buffer. */
export type PackedManifest = Omit<Manifest, 'json'> & { readonly from: number; readonly to: number };

export type WorkerOutput =
  | {
      readonly kind: 'ok';
      readonly packed: readonly PackedManifest[];
      readonly json: ArrayBuffer;
      readonly warnings: readonly ManifestFault[];
    }
  | { readonly kind: 'invalid'; readonly faults: readonly ManifestFault[]; readonly moreFaults: number };
