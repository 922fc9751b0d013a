/** The other server: grpc-js, as it is. */
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Kernel } from '../../kernel/index.ts';
import { callPath, type Answerer, type CallBook, type ServedCall } from './call-book.ts';

const asIs = (bytes: Buffer) => bytes;

export function grpcJsServer(
  kernel: Kernel,
  book: CallBook,
  at: { readonly place: string; readonly port: number; readonly ageMsMax: number },
  pings: boolean,
): Answerer {
  const server = new Server({
    ...(pings ? { 'grpc.keepalive_time_ms': 20_000, 'grpc.keepalive_timeout_ms': 10_000 } : {}),
    'grpc.max_connection_age_ms': at.ageMsMax * 0.2,
    'grpc.max_connection_age_grace_ms': at.ageMsMax,
  });
  const service = {
    call: {
      path: callPath,
      requestStream: true,
      responseStream: true,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  } as const;
  server.addService(service, {
    call: (stream: ServerDuplexStream<Buffer, Buffer>) => serve(kernel, book, stream),
  });
  return {
    connections: 0,
    start: () =>
      new Promise((resolve, reject) => {
        server.bindAsync(`${at.place}:${at.port}`, ServerCredentials.createInsecure(), (error) =>
          error === null ? resolve() : reject(error),
        );
      }),
    close: () =>
      new Promise((resolve, reject) => {
        server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
      }),
  };
}

function serve(kernel: Kernel, book: CallBook, stream: ServerDuplexStream<Buffer, Buffer>): void {
  let served: ServedCall | undefined;
  let isWaiting = false;
  const wait = (go: (then: () => void) => void) => {
    isWaiting = true;
    go(() => {
      isWaiting = false;
      reply();
    });
  };
  const reply = () => {
    if (served === undefined || served.state !== 'running' || isWaiting) return;
    for (;;) {
      const message = served.next();
      if (message === undefined) break;
      const more = stream.write(message);
      const { gapMs } = served;
      if (!more) return wait((then) => void stream.once('drain', then));
      if (gapMs > 0) return wait((then) => void kernel.at(gapMs, then));
    }
    if (!served.isDone) return;
    served.state = 'answered';
    stream.end();
  };
  stream.on('data', (payload: Buffer) => {
    if (served === undefined) served = book.serve(payload);
    else served.upload.take(payload);
    reply();
  });
  stream.on('end', () => {
    if (served !== undefined) served.halfClosed = true;
    reply();
  });
  stream.on('error', () => {});
  stream.on('cancelled', () => {
    if (served?.state === 'running') served.state = 'gone';
  });
}
