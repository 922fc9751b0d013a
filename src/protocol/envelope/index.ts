/**
 * The hand-written codec of the hot tunnel messages: encoders answer complete gRPC frames, decoders take payloads.
 * Whatever is unusual falls back to the generated code. Source: spec/wire.md §2 and §6; design/data-plane.md.
 */
export { grouped, type PairSource } from './header-map.ts';
export {
  closeSend,
  encodeRequestHeader,
  encodeRequestInfo,
  encodeRequestStart,
  requestEnd,
  requestTrailer,
} from './down-encoder.ts';
export {
  emptyHeader,
  emptyTrailer,
  encodeDescriptor,
  encodeError,
  encodeHeader,
  encodeResponseHeader,
  encodeResponseStart,
  encodeTrailer,
  encodeWholeResponse,
  responseTrailer,
  type ResponseHeader,
  type ServiceDescriptor,
} from './up-encoder.ts';
export {
  downBodyOffset,
  requestBodyPrefix,
  requestUpgradePrefix,
  responseBodyPrefix,
  responseUpgradePrefix,
  upBodyOffset,
} from './data-frames.ts';
export { decodeTunnelUp } from './up-decoder.ts';
export { decodeTunnelDown } from './down-decoder.ts';
export type { ReceivedRequestHeader, TunnelDown, TunnelUp } from './tunnel-messages.ts';
export { orderRows, TunnelOrder } from './tunnel-order.ts';
export { isRetirement, retirement } from './retirement.ts';
