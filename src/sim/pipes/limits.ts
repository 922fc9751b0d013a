/** The numbers of the simulated network. */

const KiB = 1024;

/** What the kernels of both ends hold of one direction of a connection: sent, and not yet read by the other program. */
export const windowBytes = 256 * KiB;
/** What a program may write before its writes wait. */
export const sendBufferBytes = 64 * KiB;
/** What was lost while a path was cut goes again so long after the cut, at least and at most. */
export const retransmitMs = { min: 5, max: 400 } as const;
/** A connect that nobody answers is given up after this, as Linux does. */
export const connectMsMax = 127_000;
/** Addresses from which simulated programs dial. */
export const firstEphemeralPort = 32_768;
/** Data that nobody acknowledges is given up after this: the end is told, as Linux does after its retransmissions. */
export const unacknowledgedMsMax = 924_000;
/** Probes of TCP's keepalive without an answer, and the time between them, as Node sets them. */
export const probes = { count: 10, everyMs: 1_000 } as const;
/** Of the segments that could be full so many are cut at a random size: frames then begin and end anywhere. */
export const shortShare = 0.25;
