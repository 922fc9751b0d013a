/** A set of files to objects, on the calling thread: what a worker does with one task, and what joins the tasks' answers. */
import { manifestLimits } from './limits.ts';
import type { Manifest, ManifestFault, ManifestFile, ReadManifests } from './manifest.ts';
import { readManifestFile } from './read-file.ts';

/** Reads all files in their order. One fault anywhere makes the whole set invalid, as in the originals. */
export function readManifests(files: readonly ManifestFile[]): ReadManifests {
  const joined = new JoinedManifests();
  for (const file of files) {
    const { manifests, faults, warnings } = readManifestFile(file);
    joined.add(manifests, faults, warnings, 0);
  }
  return joined.result();
}

/** Collects answers in the order of the files, within the bounds of a whole set. */
export class JoinedManifests {
  readonly #manifests: Manifest[] = [];
  readonly #faults: ManifestFault[] = [];
  readonly #warnings: ManifestFault[] = [];
  #moreFaults = 0;

  add(
    manifests: readonly Manifest[],
    faults: readonly ManifestFault[],
    warnings: readonly ManifestFault[],
    moreFaults: number,
  ): void {
    const room = manifestLimits.objectsMax - this.#manifests.length;
    for (const manifest of manifests.slice(0, room)) this.#manifests.push(manifest);
    this.#moreFaults += moreFaults;
    const [tooMany] = manifests.slice(room);
    const all = tooMany === undefined ? faults : [...faults, overflow(tooMany)];
    for (const fault of all) {
      if (this.#faults.length < manifestLimits.faultsMax) this.#faults.push(fault);
      else this.#moreFaults += 1;
    }
    this.#warnings.push(...warnings.slice(0, manifestLimits.faultsMax - this.#warnings.length));
  }

  result(): ReadManifests {
    return this.#faults.length > 0
      ? { kind: 'invalid', faults: this.#faults, moreFaults: this.#moreFaults }
      : { kind: 'ok', manifests: this.#manifests, warnings: this.#warnings };
  }
}

function overflow({ file, document, line }: Manifest): ManifestFault {
  return {
    file,
    document,
    line,
    column: undefined,
    reason: `more than ${manifestLimits.objectsMax} objects`,
  };
}
