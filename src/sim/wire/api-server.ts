/**
 * The API server of each agent's cluster: a node:http server that checks what it is sent and answers with bodies it knows.
 * Query: `id` of the request, `up` and `down` in bytes, `pieces`, `gap` in milliseconds, `early`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Kernel } from '../kernel/index.ts';
import { ContentCheck, contentOf } from './content.ts';

export const apiPort = 6443;

/** A request as the API server saw it. */
export interface Served {
  readonly id: number;
  readonly agentId: number;
  readonly isRead: boolean;
  readonly upload: ContentCheck;
  uploadEnded: boolean;
  /** Bytes of the answer given to node:http. */
  written: number;
  state: 'running' | 'answered' | 'gone';
}

export class ApiServer {
  readonly server: Server;
  readonly served: Served[] = [];
  readonly #kernel: Kernel;
  readonly #agentId: number;

  constructor(kernel: Kernel, agentId: number) {
    this.#kernel = kernel;
    this.#agentId = agentId;
    this.server = createServer({ keepAliveTimeout: 60_000 }, (request, response) =>
      this.#serve(request, response),
    );
    this.server.on('clientError', (_error, socket) => void socket.destroy());
  }

  get running(): number {
    return this.served.filter(({ state }) => state === 'running').length;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://api');
    if (pathname !== '/echo') return void response.writeHead(404).end();
    const read = (name: string) => Number(searchParams.get(name));
    const id = read('id');
    const served: Served = {
      id,
      agentId: this.#agentId,
      isRead: request.method === 'GET',
      upload: new ContentCheck(2 * id),
      uploadEnded: false,
      written: 0,
      state: 'running',
    };
    this.served.push(served);
    this.#kernel.log(`api ${this.#agentId} serves ${id}`);
    request.on('data', (chunk: Buffer) => served.upload.take(chunk));
    request.on('error', () => {});
    response.on('error', () => {});
    response.once('close', () => {
      if (served.state === 'running') served.state = response.writableFinished ? 'answered' : 'gone';
      this.#kernel.log(`api ${this.#agentId} ${served.state} ${id} after ${served.written}`);
    });
    const answer = () => {
      response.setHeader('x-agent', String(this.#agentId));
      response.setHeader('content-type', 'application/octet-stream');
      this.#send(response, served, { down: read('down'), pieces: read('pieces'), gapMs: read('gap') });
    };
    if (searchParams.get('early') === 'true') answer();
    request.once('end', () => {
      served.uploadEnded = true;
      if (searchParams.get('early') !== 'true') answer();
    });
  }

  #send(
    response: ServerResponse,
    served: Served,
    plan: { readonly down: number; readonly pieces: number; readonly gapMs: number },
  ): void {
    const pieceBytes = Math.min(64 * 1024, Math.ceil(plan.down / plan.pieces));
    const next = () => {
      if (response.destroyed) return;
      const bytes = Math.min(pieceBytes, plan.down - served.written);
      if (bytes <= 0) return void response.end();
      const more = response.write(contentOf(2 * served.id + 1, served.written, bytes));
      served.written += bytes;
      if (!more) response.once('drain', next);
      else this.#kernel.at(plan.gapMs, next);
    };
    next();
  }
}
