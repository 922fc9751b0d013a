/** What Git servers say before they send objects: packets, refs, capabilities (`spec/gitlab.md §3.5`). */
export { Advertisement } from './advertisement.ts';
export { advertisementBytesMax } from './limits.ts';
export {
  delimiter,
  flush,
  packet,
  PacketDecoder,
  packetText,
  protocolFault,
  shownText,
  type Packet,
} from './pkt-line.ts';
export { RefChoice } from './ref-choice.ts';
export { isRefName, refNamesToTry } from './ref-name.ts';
