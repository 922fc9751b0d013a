/** The numbers of the HTTP data plane. */

const KiB = 1024;

/** One message carries at most this much body; sources give chunks up to 64 KiB (peers take any message up to 4 MiB). */
export const chunkBytesMax = 64 * KiB;

/** Chunks of GitLab's answers to modules, as the originals cut them. */
export const moduleChunkBytesMax = 32 * KiB;

/** A first body chunk up to this size is copied behind its header, so that a small answer is one write. */
export const coalescedBytesMax = 16 * KiB;

/** Unread rest of a request body that is thrown away to keep the client's connection; beyond it the connection ends. */
export const discardedBytesMax = 256 * KiB;

/** After an early answer the client may read for this long before its connection is cut. */
export const lingerMs = 500;

/** An upgraded connection whose peer takes no byte for this long, while bytes wait, is cut (spec/wire.md §9.2). */
export const writeStallMs = 20_000;

/** Dialling the API server for an upgrade (spec/agentk.md §4.5). */
export const dialMsMax = 30_000;

/** Head of an API server's answer to an upgrade. */
export const responseHeadBytesMax = 64 * KiB;

/** Bytes of an early upgrade message held back until the answer is known; the stream is paused meanwhile. */
export const heldUpgradeBytesMax = 4 * 1024 * KiB;

/** Request body bytes held for the API server before the tunnel is paused. */
export const requestBufferBytes = 64 * KiB;

/** Text of an error told to the peer. */
export const errorTextMax = 1024;
