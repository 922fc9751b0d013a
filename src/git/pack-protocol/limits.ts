/** Bounds of what remotes may send before the objects themselves. */

/** Git's own: four digits of length and at most 65516 bytes behind them. */
export const packetBytesMax = 65_520;
/** An advertisement of refs, read packet by packet and never kept: some two million refs. */
export const advertisementBytesMax = 256 * 1024 * 1024;
/** What is repeated of a server's own words. */
export const errorTextCharactersMax = 200;
