/** Bounds of reading repositories from disk; a caller may lower or raise the first group. */
export interface LocalGitLimits {
  /** One operation, from call to answer, in milliseconds. */
  readonly operationMsMax: number;
  /** `packed-refs` is read whole. */
  readonly packedRefsBytesMax: number;
  /** A commit, tag or tree; files have the limit of the call. */
  readonly objectBytesMax: number;
  /** What one read may hold for a delta chain: its deltas and every version they make. */
  readonly deltaChainBytesMax: number;
}

export const localGitLimits: LocalGitLimits = {
  operationMsMax: 15_000,
  packedRefsBytesMax: 32 * 1024 * 1024,
  objectBytesMax: 8 * 1024 * 1024,
  deltaChainBytesMax: 128 * 1024 * 1024,
};

/** Symbolic refs pointing at symbolic refs. */
export const refHopsMax = 8;
/** Packs of one repository; `git gc` keeps it under fifty. */
export const packsMax = 1_000;
/** Object folders reached through `objects/info/alternates`, the own one included. */
export const objectFoldersMax = 8;
/** A loose ref, an alternates file. */
export const smallFileBytesMax = 16 * 1024;
/** Files of one question that are read side by side. */
export const filesAtOnceMax = 8;
