/** Bounds and times of asking remotes; a caller may change the first group. */
export interface HttpGitLimits {
  /** One question, in milliseconds. */
  readonly operationMsMax: number;
  /** What is fetched of one commit. */
  readonly packBytesMax: number;
  /** Fetched commits kept for the next questions, of all remotes together. */
  readonly cacheBytesMax: number;
  /** Commits, tags and trees; files have the limit of the call. */
  readonly objectBytesMax: number;
  /** What the objects of one pack may come to when they are unpacked to be named. */
  readonly unpackedBytesMax: number;
}

const mebibyte = 1024 * 1024;
export const httpGitLimits: HttpGitLimits = {
  operationMsMax: 60_000,
  packBytesMax: 64 * mebibyte,
  cacheBytesMax: 256 * mebibyte,
  objectBytesMax: 8 * mebibyte,
  unpackedBytesMax: 1024 * mebibyte,
};

/** Remotes remembered, with what they can do; the one asked longest ago goes first. */
export const remotesMax = 1_024;
export const redirectsMax = 3;
/** Of an answer whose beginning was enough. */
export const unneededBytesMax = 65_536;
/** A credentials file. */
export const credentialsBytesMax = 4_096;
/** Refs of a version 2 server come by prefix: the wanted one and those it begins. */
export const listedBytesMax = 16 * mebibyte;
/** Files one request asks for. */
export const filesTogetherMax = 500;
/** Files of one question that are unpacked, or asked for alone, side by side. */
export const filesAtOnceMax = 8;
/** Different sets of trusted hosts and proxies, each with connections of its own. */
export const transportsMax = 16;
export const connectionsPerHostMax = 8;
/** Objects of a whole pack that are kept unpacked while deltas on them are named. */
export const deltaBasesBytesMax = 32 * mebibyte;
/** Objects up to here are unpacked in one piece to be named, larger ones pass by. */
export const wholeBytesMax = mebibyte;

export const httpTimes = {
  connectMsMax: 10_000,
  headersMsMax: 20_000,
  bodyMsMax: 30_000,
  idleMs: 30_000,
  /** What a server can do is asked anew after this. */
  capabilitiesMs: 3_600_000,
  /** How long a server may ask to be left alone (`Retry-After`). */
  holdOffMsMax: 900_000,
  holdOffMs: 60_000,
} as const;
