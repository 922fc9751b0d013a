/** gRPC over node:http2 without grpc-js: for the connection between agentk and kas (design/data-plane.md). */
export {
  endStatus,
  type BodyOffset,
  type MessageHandler,
  type MessageStream,
  type StreamEnd,
} from './message-stream.ts';
export { frame, frames } from './frame.ts';
export { defaultGrpcLimits, windows, type GrpcLimits } from './limits.ts';
