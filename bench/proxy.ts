/**
 * The yardstick: a bare reverse proxy as one would write it in Node when speed matters — node:http in front, undici's
 * dispatch behind, no authentication, no tunnel. Two of them in a row have as many hops as kas and agentk.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Pool, type Dispatcher } from 'undici';

const pool = new Pool(`http://127.0.0.1:${process.argv[2] ?? ''}`, { connections: 256, pipelining: 1 });

class Exchange implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('drain', () => this.#controller?.resume());
    response.on('close', () => {
      if (!response.writableFinished) this.#controller?.abort(new Error('client gone'));
    });
  }
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const raw = (controller.rawHeaders ?? []) as readonly Buffer[];
    const headers: string[] = [];
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = String(raw[i]);
      if (name.toLowerCase() !== 'connection') headers.push(name, String(raw[i + 1]));
    }
    this.#response.writeHead(status, headers);
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#response.write(chunk)) controller.pause();
  }
  onResponseEnd(): void {
    this.#response.end();
  }
  onResponseError(): void {
    this.#response.destroy();
  }
}

function forward(request: IncomingMessage, response: ServerResponse): void {
  const headers: string[] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (lower !== 'connection' && lower !== 'host') headers.push(name, request.rawHeaders[i + 1] ?? '');
  }
  const hasBody =
    Number(request.headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in request.headers;
  const filtered = hasBody ? headers.filter((_, i) => !dropped(headers[i - (i % 2)])) : headers;
  pool.dispatch(
    {
      path: request.url ?? '/',
      method: request.method ?? 'GET',
      headers: filtered,
      body: hasBody ? request : null,
    },
    new Exchange(response),
  );
}

function dropped(name: string | undefined): boolean {
  const lower = name?.toLowerCase();
  return lower === 'transfer-encoding' || lower === 'expect';
}

const server = createServer({ keepAliveTimeout: 60_000 }, forward);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  process.stdout.write(`${JSON.stringify({ port: address.port })}\n`);
});
