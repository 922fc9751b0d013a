/**
 * The cheapest HTTP/1.1 server node can be, so that measurements show the proxies and not their target: it scans for
 * request ends, counts bodies and writes prepared answers. `GET /body/N` answers N bytes; anything else 1 KB; bodies sent
 * to it are read and answered with 1 KB.
 */
import { createServer, type Socket } from 'node:net';

const kilobyte = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n${'x'.repeat(1024)}`,
);
const chunk = Buffer.alloc(64 * 1024, 0x61);
const headEnd = Buffer.from('\r\n\r\n');
const chunkedEnd = Buffer.from('0\r\n\r\n');

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  serve(socket);
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  process.stdout.write(`${JSON.stringify({ port: address.port })}\n`);
});

function serve(socket: Socket): void {
  let pending: Buffer = Buffer.alloc(0);
  let bodyLeft = 0;
  let chunked = false;
  let tail: Buffer = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    let rest: Buffer = pending.length > 0 ? Buffer.concat([pending, data]) : data;
    pending = Buffer.alloc(0);
    while (rest.length > 0) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, rest.length);
        bodyLeft -= taken;
        rest = rest.subarray(taken);
        if (bodyLeft === 0) socket.write(kilobyte);
        continue;
      }
      if (chunked) {
        // Only the end matters here; the filler of the bodies sent in a benchmark never contains it.
        const window = Buffer.concat([tail, rest.subarray(Math.max(0, rest.length - 8))]);
        tail = Buffer.from(window.subarray(Math.max(0, window.length - 8)));
        rest = Buffer.alloc(0);
        if (tail.subarray(-chunkedEnd.length).equals(chunkedEnd)) {
          chunked = false;
          tail = Buffer.alloc(0);
          socket.write(kilobyte);
        }
        continue;
      }
      const end = rest.indexOf(headEnd);
      if (end < 0) {
        pending = Buffer.from(rest);
        return;
      }
      const head = rest.toString('latin1', 0, end);
      rest = rest.subarray(end + 4);
      const size = /^GET \/body\/(\d+)/.exec(head);
      const length = /\r\ncontent-length: (\d+)/i.exec(head);
      if (size !== null) stream(socket, Number(size[1]));
      else if (length !== null && Number(length[1]) > 0) bodyLeft = Number(length[1]);
      else if (/\r\ntransfer-encoding: chunked/i.test(head)) chunked = true;
      else socket.write(kilobyte);
    }
  });
}

function stream(socket: Socket, size: number): void {
  socket.write(
    `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${size}\r\n\r\n`,
  );
  let left = size;
  const push = () => {
    while (left > 0) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left);
      left -= part.length;
      if (!socket.write(part) && left > 0) return void socket.once('drain', push);
    }
  };
  push();
}
