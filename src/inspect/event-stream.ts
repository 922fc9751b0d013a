/**
 * One open answer of server-sent events. It never waits: what a slow reader has not taken yet is bounded, and a frame that
 * finds too much of it is dropped; the caller then says all anew (`behind`).
 */
import type { ServerResponse } from 'node:http';
import { inspectLimits } from './limits.ts';

export class EventStream {
  readonly #response: ServerResponse;
  #behind = false;

  constructor(response: ServerResponse, onClosed: () => void) {
    this.#response = response;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // nginx would collect the frames.
      'X-Accel-Buffering': 'no',
    });
    response.flushHeaders();
    response.once('close', onClosed);
    response.once('error', () => response.destroy());
  }

  /** A frame was dropped since the last `restart`: deltas make no sense to this reader any more. */
  get behind(): boolean {
    return this.#behind;
  }

  get ready(): boolean {
    return this.#response.writableLength <= inspectLimits.streamUnsentBytesMax;
  }

  send(frame: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    if (this.#behind || !this.ready) this.#behind = true;
    else this.#response.write(frame);
  }

  /** Sends what stands for itself, whatever was dropped before; not while the reader is still slow. */
  restart(frame: () => string): void {
    if (!this.ready) return;
    this.#behind = false;
    this.send(frame());
  }

  end(): void {
    this.#response.end();
  }
}

/** One frame; `data` is JSON, so it has no line break. */
export function eventFrame(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
