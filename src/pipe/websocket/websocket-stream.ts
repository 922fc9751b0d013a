/**
 * A WebSocket as a stream of bytes, for node:http2 on either side (`spec/wire.md §4.3`). Borders of messages mean nothing:
 * what is written in one turn goes out as one binary message, what arrives is handed on as it comes.
 *
 * W1. A reader that does not read stops the socket: at most `bufferBytes` and one message are held here.
 * W2. A write is done when the socket has taken it, so HTTP/2 never has more than one batch on its way.
 * W3. A close with 1000 or 1001 is the end of the stream; any other end of the WebSocket is an error of the stream.
 * W4. The stream's end is a closing handshake of at most `closeMs`; its destruction says 1000 and cuts.
 * W5. What is written when the peer has said goodbye is dropped: the end is on its way, and is the news.
 * W6. A peer that is a stranger may make us hold little of a message it does not end; `trust` lifts that.
 * W7. Text is no part of the protocol: it is answered with 1003.
 */
import { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { closeCodes, webSocketLimits } from './limits.ts';
import { StrangerGuard } from './stranger-guard.ts';

/** `code` of the error of a stream whose stranger began a message that is too large for one. */
export const strangerMessageCode = 'ERR_STRANGER_MESSAGE';

type Done = (error?: Error | null) => void;

export class WebSocketStream extends Duplex {
  readonly #socket: WebSocket;
  readonly #guard: StrangerGuard | undefined;

  /**
   * Takes over an open WebSocket.
   * @param strangerOn the socket below, when nobody knows the peer yet
   */
  constructor(socket: WebSocket, strangerOn?: Duplex) {
    super({ allowHalfOpen: false, highWaterMark: webSocketLimits.bufferBytes });
    this.#socket = socket;
    this.#guard =
      strangerOn === undefined ? undefined : new StrangerGuard(strangerOn, socket, () => this.#tooMuch()); // W6
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#received(data, isBinary));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', (code: number, reason: Buffer) => this.#closed(code, reason));
  }

  /** The peer said who it is and was accepted. */
  trust(): void {
    this.#guard?.release();
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send(chunk, done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    let batch: Buffer[] = [];
    let bytes = 0;
    for (const { chunk } of chunks) {
      if (bytes > 0 && bytes + chunk.length > webSocketLimits.sentBytesMax) {
        this.#send(joined(batch, bytes), ignore);
        batch = [];
        bytes = 0;
      }
      batch.push(chunk);
      bytes += chunk.length;
    }
    // Messages are written in order, so the last one's end is the end of all.
    this.#send(joined(batch, bytes), done);
  }

  override _final(done: Done): void {
    this.#socket.close(closeCodes.normal); // W4
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(closeCodes.normal);
    this.#socket.terminate();
    done(error);
  }

  #send(message: Buffer, done: Done): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message, done); // W2
    else done(); // W5
  }

  #received(data: Buffer, isBinary: boolean): void {
    if (this.destroyed) return;
    if (!isBinary) {
      this.#socket.close(closeCodes.unsupportedData, 'expected binary messages'); // W7
      this.destroy(new Error('the peer sent a WebSocket text message'));
      return;
    }
    if (data.length > 0 && !this.push(data)) this.#socket.pause(); // W1
  }

  #tooMuch(): void {
    const reason = 'a message larger than a connection may send before its agent was accepted';
    this.#socket.close(closeCodes.messageTooBig, 'message too large before authentication');
    this.destroy(Object.assign(new Error(reason), { code: strangerMessageCode }));
  }

  #closed(code: number, reason: Buffer): void {
    if (code === closeCodes.normal || code === closeCodes.goingAway) this.push(null);
    else this.destroy(new Error(closeText(code, reason)));
  }
}

function ignore(): void {}

function joined(batch: readonly Buffer[], bytes: number): Buffer {
  const [first] = batch;
  return batch.length === 1 && first !== undefined ? first : Buffer.concat(batch, bytes);
}

/** What an unclean end is called; the peer's words are bounded by the protocol (123 bytes) and shown without controls. */
function closeText(code: number, reason: Buffer): string {
  if (code === 1006) return 'the WebSocket was cut off without a closing handshake';
  if (code === 1005) return 'the WebSocket was closed without a code';
  const said = reason.toString('latin1').replace(/[^\x20-\x7e]/g, '?');
  return `the WebSocket was closed with code ${code}${said === '' ? '' : ` ${said}`}`;
}
