/**
 * What a connection speaks, from its first bytes: the HTTP/2 client preface (RFC 9113 §3.4), or something else. Nothing is
 * taken away: what was read is put back before the verdict, so whoever gets the socket reads it from the beginning.
 *
 * The first byte that differs decides; the originals wait for 24 bytes, which a short request never sends.
 */
import type { Socket } from 'node:net';

export type FirstBytes = 'http2' | 'other';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Calls `done` once, and never if the connection ends before it has said enough. */
export function firstBytes(socket: Socket, done: (verdict: FirstBytes) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const same = seen.compare(preface, 0, length, 0, length) === 0;
    if (same && length < preface.length) return;
    socket.off('data', onData);
    socket.pause();
    socket.unshift(seen);
    done(same ? 'http2' : 'other');
  };
  socket.on('data', onData);
}
