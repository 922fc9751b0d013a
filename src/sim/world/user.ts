/**
 * Those who send requests to clusters: HTTP/1.1 over a stream that stands for a socket, given to the real server of kas's
 * Kubernetes API proxy. What comes back is read as a client would.
 */
import type { Server } from 'node:http';
import { Duplex } from 'node:stream';
import { workPath } from './cluster-work.ts';
import { agentIdOf, jobToken } from './simulated-gitlab.ts';

/** What the user saw in the end. */
export interface Seen {
  /** 0: nothing came. */
  readonly status: number;
  /** Everything the answer declares is there. */
  readonly whole: boolean;
  readonly text: string;
}

export interface UserRequest {
  readonly request: number;
  readonly agent: number;
  readonly bodyBytes: number;
}

/** Sends a request; `done` once, when the connection is over, whoever ended it. Answers how to leave. */
export function sendRequest(to: Server, request: UserRequest, done: (seen: Seen) => void): () => void {
  const socket = new UserSocket(done);
  to.emit('connection', socket);
  socket.say(textOf(request));
  return () => void socket.destroy();
}

function textOf({ request, agent, bodyBytes }: UserRequest): string {
  const body = 'x'.repeat(bodyBytes);
  const head = [
    `${bodyBytes > 0 ? 'POST' : 'GET'} ${workPath(request)} HTTP/1.1`,
    'Host: kas.simulated',
    `Authorization: Bearer ci:${agentIdOf(agent)}:${jobToken}`,
    'Connection: close',
    ...(bodyBytes > 0 ? [`Content-Length: ${bodyBytes}`] : []),
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

class UserSocket extends Duplex {
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = 1;
  readonly #done: (seen: Seen) => void;
  #text = '';
  #over = false;

  constructor(done: (seen: Seen) => void) {
    super({ allowHalfOpen: true });
    this.#done = done;
    this.on('close', () => this.#finish());
    this.on('error', () => {});
  }

  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  destroySoon(): void {
    this.end(() => this.destroy());
  }

  say(text: string): void {
    this.push(text);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#text += chunk.toString('latin1');
    callback();
  }

  override _final(callback: () => void): void {
    callback();
    this.#finish();
    this.push(null);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(this.#text)?.[1] ?? 0);
    const text = this.#text;
    this.#done({ status, whole: isWhole(text), text });
  }
}

/** The last chunk came, or as many bytes as were declared. */
function isWhole(text: string): boolean {
  const split = text.indexOf('\r\n\r\n');
  if (split < 0) return false;
  const head = text.slice(0, split).toLowerCase();
  if (head.includes('transfer-encoding: chunked')) return text.endsWith('0\r\n\r\n');
  const declared = /content-length: (\d+)/.exec(head)?.[1];
  return declared === undefined || text.length - split - 4 === Number(declared);
}
