/** Sizes of the envelope codec. */

/** gRPC frame header: one flag byte and four bytes of length. */
export const frameHeaderBytes = 5;

/** The scratch buffer of the encoder: as large as the headers of nearly every request. */
export const scratchBytes = 64 * 1024;

/** A scratch buffer that had to grow beyond this is given back after the message. */
export const scratchBytesMax = 1024 * 1024;

/** Lists of more header lines than this are grouped through a map instead of by comparing all pairs. */
export const pairsComparedMax = 48;

/** Largest length the hand-written reader follows; longer fields are left to the generated code. */
export const fastLengthMax = 0x0fff_ffff;

/** A descriptor up to this size is remembered with its decoded form. */
export const descriptorBytesRemembered = 4096;
