/** Bounds of what this folder takes from and sends to peers. */
export const protocolLimits = {
  /** A longer grpc-message is cut before it is sent: HTTP/2 peers bound their header blocks. Bytes after escaping. */
  statusMessageBytesMax: 8 * 1024,
  /** Bigger status details are left out of the trailers. Bytes before base64. */
  statusDetailsBytesMax: 16 * 1024,
  /** Violations told in one validation text; the rest is counted. A hostile message could hold millions. */
  violationsMax: 100,
  /** The agent configuration file (spec/gitlab.md §4). */
  configurationFileBytesMax: 128 * 1024,
  /** Nesting of lists and maps in a configuration file. */
  configurationDepthMax: 64,
  /** Alias nodes in a configuration file. */
  configurationAliasesMax: 1_000,
  /** Values in a configuration file after aliases are written out. */
  configurationValuesMax: 100_000,
  /** A longer JSON web token is refused unread. Those of GitLab and kas have about 300 characters. */
  jwtBytesMax: 8 * 1024,
} as const;
