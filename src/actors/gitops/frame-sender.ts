/**
 * Writes many frames to a stream at the pace of its reader, and gives up one that has stopped reading: its stream is reset, because a
 * status would wait behind what it does not read, and all that was written with it.
 */
import type { ServerCall, StreamEnd } from '../../pipe/grpc/index.ts';
import type { Clock } from '../../ports/index.ts';

export type Sent = { readonly kind: 'sent' } | { readonly kind: 'stalled' } | { readonly kind: 'closed' };

export class FrameSender {
  readonly #call: ServerCall;
  readonly #clock: Clock;
  readonly #stalledMsMax: number;
  #wake: (() => void) | undefined;

  /** Takes over the stream's handler; `closed` is told of its end. */
  constructor(
    call: ServerCall,
    options: {
      readonly clock: Clock;
      readonly stalledMsMax: number;
      readonly closed: (end: StreamEnd) => void;
    },
  ) {
    this.#call = call;
    this.#clock = options.clock;
    this.#stalledMsMax = options.stalledMsMax;
    call.stream.handler = {
      onMessage: () => {},
      onHalfClosed: () => {},
      onDrain: () => this.#wake?.(),
      onClosed: (end) => {
        this.#wake?.();
        options.closed(end);
      },
    };
  }

  /** Writes all frames; a reader that takes nothing for `stalledMsMax` is given up. */
  async send(frames: Iterable<Buffer>): Promise<Sent> {
    const { stream } = this.#call;
    for (const each of frames) {
      if (!stream.open) return { kind: 'closed' };
      if (stream.write(each) || (await this.#drained())) continue;
      stream.abort('the agent takes nothing');
      return { kind: 'stalled' };
    }
    return stream.open ? { kind: 'sent' } : { kind: 'closed' };
  }

  #drained(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => {
        this.#wake = undefined;
        resolve(false);
      }, this.#stalledMsMax);
      this.#wake = () => {
        this.#wake = undefined;
        this.#clock.clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
