/**
 * The numbers of the gRPC layer: flow-control windows, message and header sizes, streams per connection.
 *
 * What is not here is left to nghttp2 inside Node, which closes a session that floods it: at most 32 entries per
 * SETTINGS frame, 10 unanswered pings and settings, a burst of 1,000 and then 33 resets a second, 1,000 invalid frames,
 * 100 streams over the announced maximum (Node's documented defaults).
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
}

export const defaultGrpcLimits: GrpcLimits = {
  messageBytesMax: 4 * MiB,
  streamsPerSessionMax: 2000,
  headerListBytesMax: 64 * KiB,
  headerPairsMax: 256,
  sessionMegabytesMax: 256,
};

/** Bytes of an incomplete message the body-offset hook wants to see before it is asked. */
export const bodyOffsetHeadBytes = 32;

/** First buffer for a message that arrives in pieces; it doubles, so what a peer only announces costs nothing. */
export const assemblyBytesMin = 4 * KiB;
