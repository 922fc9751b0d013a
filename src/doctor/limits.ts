/** How long a doctor waits, and what it calls wrong. */
export const doctorLimits = {
  /** One question to DNS. */
  dnsMs: 10_000,
  /** A call to kas; kas itself may wait for GitLab. */
  callMs: 20_000,
  /** The first configuration; kas reads it from Git. */
  configurationMs: 30_000,
  /** Connection and TLS with the API server, each; one question to it. */
  clusterMs: 10_000,
  /** Clocks that differ by more break certificates and tokens. */
  clockSkewMsMax: 60_000,
  /** Longest `--idle`: kas ends connections for their age after 24 minutes or so. */
  idleMsMax: 900_000,
  /** Certificates of one chain. */
  chainMax: 8,
  /** A certificate that ends sooner is told. */
  expiresSoonMs: 14 * 24 * 3_600_000,
  /** An answer of kas's HTTP side or of the API server. */
  answerBytesMax: 256 * 1024,
  /** GitLab's answer to the doctor's question, the wait for a turn included. */
  gitlabMs: 60_000,
} as const;
