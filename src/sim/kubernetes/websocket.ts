/**
 * The server's half of WebSocket (RFC 6455), as little as channel streams need: binary and text messages, ping, close.
 *
 * W1. A frame or message larger than `messageBytesMax`, or an unmasked frame, ends the connection.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const messageBytesMax = 1024 * 1024;
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface WebSocketHandler {
  onMessage(payload: Buffer): void;
  /** Exactly once. */
  onClosed(): void;
}

function frame(opcode: number, payload: Buffer): Buffer {
  const length = payload.length;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

interface Frame {
  readonly opcode: number;
  readonly last: boolean;
  readonly payload: Buffer;
  /** Bytes the frame took. */
  readonly size: number;
}

/** The first frame in the buffer; undefined when more bytes are needed. */
function firstFrame(buffer: Buffer): Frame | 'violation' | undefined {
  if (buffer.length < 2) return undefined;
  const [first = 0, second = 0] = buffer;
  if ((second & 0x80) === 0) return 'violation'; // W1
  const short = second & 0x7f;
  const head = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (buffer.length < head + 4) return undefined;
  const length =
    short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short;
  if (length > messageBytesMax) return 'violation';
  const size = head + 4 + length;
  if (buffer.length < size) return undefined;
  const mask = buffer.subarray(head, head + 4);
  const payload = Buffer.from(buffer.subarray(head + 4, size));
  for (let index = 0; index < payload.length; index += 1) {
    payload[index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0);
  }
  return { opcode: first & 0x0f, last: (first & 0x80) !== 0, payload, size };
}

export class WebSocketConnection {
  private readonly socket: Duplex;
  private readonly handler: WebSocketHandler;
  private pending: Buffer = Buffer.alloc(0);
  private parts: Buffer[] = [];
  private closing = false;

  constructor(socket: Duplex, handler: WebSocketHandler) {
    this.socket = socket;
    this.handler = handler;
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.once('close', () => handler.onClosed());
    socket.once('end', () => socket.end());
  }

  private receive(chunk: Buffer): void {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    for (let found = firstFrame(this.pending); found !== undefined; found = firstFrame(this.pending)) {
      if (found === 'violation') {
        this.socket.destroy();
        return;
      }
      this.pending = this.pending.subarray(found.size);
      this.take(found);
    }
  }

  private take(found: Frame): void {
    if (found.opcode === opcodes.ping) this.write(opcodes.pong, found.payload);
    else if (found.opcode === opcodes.close) this.close();
    else if (found.opcode !== opcodes.pong && !this.closing) this.collect(found);
  }

  private collect(found: Frame): void {
    this.parts.push(found.payload);
    const bytes = this.parts.reduce((sum, part) => sum + part.length, 0);
    if (bytes > messageBytesMax) this.socket.destroy();
    else if (found.last) {
      const message = Buffer.concat(this.parts);
      this.parts = [];
      this.handler.onMessage(message);
    }
  }

  private write(opcode: number, payload: Buffer): void {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(frame(opcode, payload));
  }

  send(payload: Buffer): void {
    if (!this.closing) this.write(opcodes.binary, payload);
  }

  /** Says a normal goodbye and ends. */
  close(): void {
    if (this.closing) return;
    this.write(opcodes.close, Buffer.from([0x03, 0xe8]));
    this.closing = true;
    this.socket.end();
  }
}

/** Answers the handshake with the chosen subprotocol; undefined when the request is no WebSocket handshake. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  protocol: string,
  handler: WebSocketHandler,
): WebSocketConnection | undefined {
  const key = request.headers['sec-websocket-key'];
  if (request.headers.upgrade?.toLowerCase() !== 'websocket' || key === undefined) return undefined;
  const digest = createHash('sha1')
    .update(key + acceptGuid)
    .digest('base64');
  socket.write(
    [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${digest}`,
      `Sec-WebSocket-Protocol: ${protocol}`,
      '\r\n',
    ].join('\r\n'),
  );
  return new WebSocketConnection(socket, handler);
}
