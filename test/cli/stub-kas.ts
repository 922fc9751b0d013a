/** Answers of a kas made up by a test, over real HTTP. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';

export type Answers = Readonly<
  Record<string, object | ((request: IncomingMessage, response: ServerResponse) => void)>
>;

export class StubKas {
  readonly #server: Server;
  readonly address: string;
  readonly requests: readonly IncomingMessage[];

  private constructor(server: Server, requests: readonly IncomingMessage[]) {
    this.requests = requests;
    this.#server = server;
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(answers: Answers): Promise<StubKas> {
    const seen: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      seen.push(request);
      const answer = answers[(request.url ?? '').split('?')[0] ?? ''];
      if (answer === undefined) response.writeHead(404).end();
      else if (typeof answer === 'function') answer(request, response);
      else response.end(JSON.stringify(answer));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new StubKas(server, seen);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/** A terminal that keeps what is written. */
export class FakeTerminal {
  readonly stdout: PassThrough & { isTTY?: boolean; columns?: number } = new PassThrough();
  readonly stderr = new PassThrough();
  out = '';
  err = '';

  constructor(columns?: number) {
    if (columns !== undefined) Object.assign(this.stdout, { isTTY: true, columns });
    this.stdout.on('data', (chunk: Buffer) => (this.out += chunk.toString()));
    this.stderr.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
  }
}
