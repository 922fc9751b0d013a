/** A gRPC call as the actors see it, without a wire: what is written and how it ended can be read. */
import {
  frame,
  type MessageHandler,
  type MessageStream,
  type ServerCall,
  type StreamEnd,
} from '../../src/pipe/grpc/index.ts';
import type { Metadata, RpcStatus } from '../../src/protocol/index.ts';

const nobody: MessageHandler = { onMessage() {}, onHalfClosed() {}, onDrain() {}, onClosed() {} };

export class FakeCall {
  readonly written: Buffer[] = [];
  readonly call: ServerCall;
  paused = false;
  open = true;
  ended: RpcStatus | undefined;
  #handler: MessageHandler = nobody;

  constructor(token: string | undefined, session: ServerCall['session']) {
    const metadata: Metadata = new Map(token === undefined ? [] : [['authorization', [`Bearer ${token}`]]]);
    const set = (handler: MessageHandler) => (this.#handler = handler);
    const get = () => this.#handler;
    const isOpen = () => this.open;
    const stream: Partial<MessageStream> = {
      get handler() {
        return get();
      },
      set handler(handler) {
        set(handler);
      },
      get open() {
        return isOpen();
      },
      write: (frames) => {
        this.written.push(frames);
        return true;
      },
      pause: () => (this.paused = true),
      resume: () => (this.paused = false),
    };
    const call: Partial<ServerCall> = {
      metadata,
      session,
      peer: '10.0.0.1:1',
      frame,
      compressAnswers: () => {},
      stream: stream as MessageStream, // the part that actors use
      finish: (status) => {
        this.ended ??= status;
        this.close({ kind: 'ended' });
      },
    };
    this.call = call as ServerCall;
  }

  close(end: StreamEnd = { kind: 'cancelled', reason: 'test' }): void {
    if (!this.open) return;
    this.open = false;
    this.#handler.onClosed(end);
  }
}
