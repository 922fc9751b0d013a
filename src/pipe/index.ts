/** The data plane: bytes between HTTP exchanges and gRPC streams. It knows no statechart; enter by its sub-folders. */
export type { MessageHandler, MessageStream, StreamEnd } from './grpc/index.ts';
