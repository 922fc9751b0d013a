/** gRPC over node:http2 without grpc-js: for the connection between agentk and kas (design/data-plane.md). */
export type { CallObserver, MessageCounts } from './call-observer.ts';
export { openCall, type CallOptions } from './client-call.ts';
export { callServerStream, callUnary, type CallUnaryOptions } from './client-methods.ts';
export { http2ClientOptions, tuneClientSession } from './client-session.ts';
export { FrameDecoder, type FrameSink } from './frame-decoder.ts';
export { frame, frames, gzipFrame } from './frame.ts';
export { windows, type GrpcLimits } from './limits.ts';
export { endStatus, type MessageHandler, type MessageStream, type StreamEnd } from './message-stream.ts';
export type { CallHandler, ServerCall } from './server-call.ts';
export { serverStreamHandler, unaryHandler, type MessageSink } from './server-methods.ts';
export type { SessionAbuse } from './session-guard.ts';
export { TokenBucket } from './token-bucket.ts';
export { firstBytes, type FirstBytes } from './preface.ts';
export { GrpcServer, http2ServerOptions } from './server.ts';
