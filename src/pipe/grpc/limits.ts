/**
 * The numbers of the gRPC layer: flow-control windows, message and header sizes, streams per connection, and what a peer
 * may do to a connection before it is ended (`session-guard.ts`).
 *
 * What is not here is left to nghttp2 inside Node, which ends a session by itself: after 8 CONTINUATION frames of one
 * block, 10 pings or settings of ours without an answer, 1,000 acknowledgements the peer does not read.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * HTTP/2 windows (design/data-plane.md): a stream's window is the most a slow reader makes us hold per stream; the
 * session's is what all streams of one agent may have under way.
 */
export const windows = { streamBytes: 1 * MiB, sessionBytes: 4 * MiB } as const;

/** Limits of the layer; a composition root may override each. */
export interface GrpcLimits {
  /** Largest message taken from a peer, before and after decompression (spec/wire.md §4.4). */
  readonly messageBytesMax: number;
  /** Streams one connection may have open; agentk alone may hold 500 tunnels (spec/wire.md §4.4). */
  readonly streamsPerSessionMax: number;
  /** Uncompressed size of one header block, names and values and 32 bytes each (RFC 9113 §6.5.2). */
  readonly headerListBytesMax: number;
  /** Header fields of one block. */
  readonly headerPairsMax: number;
  /** What nghttp2 may hold for one connection, in units of 10^6 bytes; above it new streams are refused. */
  readonly sessionMegabytesMax: number;
  /** RST_STREAM frames a client may send at once, and in each second of a long time ("rapid reset"). */
  readonly resetsBurst: number;
  readonly resetsPerSecond: number;
  /**
   * Calls of a session without an accepted agent that may be refused at once, and in each second. An agent with a wrong token
   * makes about a dozen calls every ten seconds.
   */
  readonly refusalsBurst: number;
  readonly refusalsPerSecond: number;
  /** SETTINGS frames a client may send at once (grpc-go sends one whenever its window grows), and in each second. */
  readonly settingsBurst: number;
  readonly settingsPerSecond: number;
  /** Entries of one SETTINGS frame. */
  readonly settingsEntriesMax: number;
  /** Frames that break HTTP/2 without ending the session, counted over its life. */
  readonly invalidFramesMax: number;
  /** Streams beyond {@link streamsPerSessionMax}, counted over the session's life. */
  readonly rejectedStreamsMax: number;
  /** Pings of a client that come faster than this count as strikes; this many are forgiven (spec/wire.md §4.4). */
  readonly pingMsMin: number;
  readonly pingStrikesMax: number;
}

export const defaultGrpcLimits: GrpcLimits = {
  messageBytesMax: 4 * MiB,
  streamsPerSessionMax: 2000,
  headerListBytesMax: 64 * KiB,
  headerPairsMax: 256,
  sessionMegabytesMax: 256,
  resetsBurst: 1000,
  resetsPerSecond: 33,
  refusalsBurst: 20,
  refusalsPerSecond: 2,
  settingsBurst: 32,
  settingsPerSecond: 1,
  settingsEntriesMax: 32,
  invalidFramesMax: 100,
  rejectedStreamsMax: 100,
  pingMsMin: 20_000,
  pingStrikesMax: 2,
};

/** Bytes of an incomplete message the body-offset hook wants to see before it is asked. */
export const bodyOffsetHeadBytes = 32;

/** Messages of other sizes are sent as they are: small ones do not shrink, large ones would hold up everybody else. */
export const gzipBytes = { min: 64, max: 256 * KiB } as const;

/** First buffer for a message that arrives in pieces; it doubles, so what a peer only announces costs nothing. */
export const assemblyBytesMin = 4 * KiB;
