/** Our client: the link of agentk, which dials, pings and backs off, and calls on whatever connection it has. */
import { setupLink } from './kastor-link.ts';
import { endStatus, frame, openCall } from '../../../pipe/grpc/index.ts';
import type { Clock, Log } from '../../../ports/index.ts';
import { noMetadata } from '../../../protocol/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import { callPath, type Caller, type MadeCall } from './call-book.ts';

/** `UNAVAILABLE`. */
const unavailable = 14;

export function kastorClient(
  kernel: Kernel,
  clock: Clock,
  { host, port }: { readonly host: string; readonly port: number },
  log: Log,
): Caller {
  const link = setupLink(kernel, `grpc://${host}:${port}`, log);
  return {
    close: () => link.stop(),
    call: (made) => {
      const { session } = link.board.current ?? {};
      if (session === undefined) return made.ended(unavailable);
      const { deadlineMs } = made.planned;
      const { stream } = openCall(session, callPath, noMetadata, { clock, deadlineMs, log });
      const messages = made.messages();
      const send = () => {
        for (;;) {
          const { value, done } = messages.next();
          if (done === true) return stream.halfClose();
          if (!stream.write(frame(value))) return; // onDrain goes on
        }
      };
      stream.handler = {
        onMessage: (payload) => {
          made.download.take(payload);
          pauseAfter(kernel, made, stream);
        },
        onHalfClosed: () => {},
        onDrain: send,
        onClosed: (end) => made.ended(endStatus(end).code),
      };
      send();
      cancelLater(kernel, made, () => stream.abort('the simulated user leaves'));
    },
  };
}

/** A slow reader. */
export function pauseAfter(
  kernel: Kernel,
  { planned }: MadeCall,
  stream: { pause(): void; resume(): void },
): void {
  if (planned.readGapMs === 0) return;
  stream.pause();
  kernel.at(planned.readGapMs, () => stream.resume());
}

export function cancelLater(kernel: Kernel, made: MadeCall, cancel: () => void): void {
  const { cancelAfterMs } = made.planned;
  if (cancelAfterMs === undefined) return;
  kernel.at(cancelAfterMs, () => {
    if (made.codes.length > 0) return;
    made.cancelled = true;
    cancel();
  });
}
