/** What reading manifests takes and gives. The JSON of an object is bytes, so that it crosses threads without being copied. */

/** One file of a manifest project. */
export interface ManifestFile {
  /** Path in the repository: for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One Kubernetes object, as it will be sent, and where it was written. */
export interface Manifest {
  readonly file: string;
  /** Counted from 1 in its file. */
  readonly document: number;
  /** First line of its document, counted from 1. */
  readonly line: number;
  /** `group/version`, `version`, or empty when the manifest has none. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty when the manifest names none. */
  readonly namespace: string;
  readonly name: string;
  /** The whole object as JSON text in UTF-8; integers keep their digits. */
  readonly json: Uint8Array;
}

/** Something wrong with a file, and where. Never quotes values: manifests hold secrets. */
export interface ManifestFault {
  readonly file: string;
  readonly document: number;
  readonly line: number;
  /** Absent when only the document is known. */
  readonly column: number | undefined;
  readonly reason: string;
}

/** Everything read, or everything wrong. Faults beyond `manifestLimits.faultsMax` are only counted. */
export type ReadManifests =
  | {
      readonly kind: 'ok';
      readonly manifests: readonly Manifest[];
      readonly warnings: readonly ManifestFault[];
    }
  | { readonly kind: 'invalid'; readonly faults: readonly ManifestFault[]; readonly moreFaults: number };

/** A fault as one line for people, in the words users of the originals search for (`spec/agentk.md §5.4`). */
export function faultText({ file, document, line, column, reason }: ManifestFault): string {
  const place = column === undefined ? `line ${line}` : `line ${line}, column ${column}`;
  return `error parsing ${file}: document ${document}, ${place}: ${reason}`;
}
