/** The numbers of the WebSocket tunnel (`spec/wire.md §4.3`). */

const KiB = 1024;

export const webSocketLimits = {
  /** Largest message taken; a larger one is answered with close code 1009. */
  messageBytesMax: 10 * 1024 * KiB,
  /** The same for a peer nobody knows yet, in bytes and in reads of the socket (`stranger-guard.ts`). */
  strangerBytesMax: 64 * KiB,
  strangerReadsMax: 512,
  /**
   * Several writes of one turn become one message up to this: small enough that a reader seldom has to put a message
   * together from several reads, large enough for a full HTTP/2 frame with its neighbours.
   */
  sentBytesMax: 24 * KiB,
  /** What a slow reader lets pile up before the socket is no longer read, and the same for writing. */
  bufferBytes: 64 * KiB,
  /** Pieces one message may arrive in: frames, and reads of the socket. */
  fragmentsMax: 4_096,
  chunksMax: 32_768,
  /** Wait for the peer's half of a closing handshake; then the socket is cut. */
  closeMs: 5_000,
  /** Headers of an upgrade request or answer. */
  headerBytesMax: 64 * KiB,
  /** Bytes of an unexpected answer that are looked at. */
  answerBytesMax: 4 * KiB,
} as const;

/** What both ends name in `Sec-WebSocket-Protocol`. */
export const tunnelProtocol = 'ws-tunnel';

/** Close codes of RFC 6455 §7.4.1 that are used or understood here. */
export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  messageTooBig: 1009,
} as const;

/** Options of either end: no compression, and every bound. */
export const webSocketOptions = {
  perMessageDeflate: false,
  maxPayload: webSocketLimits.messageBytesMax,
  maxFragments: webSocketLimits.fragmentsMax,
  maxBufferedChunks: webSocketLimits.chunksMax,
  closeTimeout: webSocketLimits.closeMs,
  skipUTF8Validation: true,
} as const;
