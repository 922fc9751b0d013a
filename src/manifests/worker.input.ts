/** What a manifest worker is told. */
import type { ManifestFile } from './manifest.ts';

export interface WorkerInput {
  readonly files: readonly ManifestFile[];
  /** False: only whether the files can be read is asked; no object comes back. */
  readonly wantObjects: boolean;
}
