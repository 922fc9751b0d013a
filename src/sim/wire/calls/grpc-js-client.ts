/** The other client: grpc-js, as it is. */
import { Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { Kernel } from '../../kernel/index.ts';
import { callPath, type Caller } from './call-book.ts';
import { cancelLater, pauseAfter } from './kastor-client.ts';

const asIs = (bytes: Buffer) => bytes;

/** @param pings its keepalive: once a connection is going away it fails, and grpc-js takes that for the loss of the connection */
export function grpcJsClient(kernel: Kernel, host: string, port: number, pings: boolean): Caller {
  const client = new Client(`ipv4:${host}:${port}`, credentials.createInsecure(), {
    ...(pings
      ? {
          'grpc.keepalive_time_ms': 30_000,
          'grpc.keepalive_timeout_ms': 10_000,
          'grpc.keepalive_permit_without_calls': 1,
        }
      : {}),
    'grpc.use_local_subchannel_pool': 1,
    'grpc.service_config_disable_resolution': 1,
  });
  return {
    close: async () => client.close(),
    call: (made) => {
      const deadline = kernel.clock.now() + made.planned.deadlineMs;
      const stream = client.makeBidiStreamRequest(callPath, asIs, asIs, new Metadata(), { deadline });
      stream.on('data', (payload: Buffer) => {
        made.download.take(payload);
        pauseAfter(kernel, made, stream);
      });
      stream.on('error', () => {}); // the status says it
      stream.on('status', ({ code }: StatusObject) => made.ended(code));
      const messages = made.messages();
      const send = () => {
        for (;;) {
          const { value, done } = messages.next();
          if (done === true) return void stream.end();
          if (!stream.write(value)) return void stream.once('drain', send);
        }
      };
      send();
      cancelLater(kernel, made, () => stream.cancel());
    },
  };
}
