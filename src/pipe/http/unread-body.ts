/**
 * A request body nobody wants any more because the answer came early. A little is read and thrown away, so that the
 * client's connection can be used again; a longer rest ends the connection, slowly enough that the client reads the
 * answer before a reset can destroy it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../ports/index.ts';
import { discardedBytesMax, lingerMs } from './limits.ts';

/** Takes over a request that is not read to its end; `response` is or will be ended by somebody. */
export function discardBody(request: IncomingMessage, response: ServerResponse, clock: Clock): void {
  if (request.complete || request.destroyed) return;
  let left = discardedBytesMax;
  request.on('error', () => {});
  request.on('data', (chunk: Buffer) => {
    if (left < 0) return;
    left -= chunk.length;
    if (left >= 0) return;
    request.pause();
    if (response.writableFinished) closeSlowly(request, clock);
    else response.once('finish', () => closeSlowly(request, clock));
  });
  request.resume();
}

function closeSlowly(request: IncomingMessage, clock: Clock): void {
  const { socket } = request;
  socket.end();
  const timer = clock.setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clock.clearTimeout(timer));
}
