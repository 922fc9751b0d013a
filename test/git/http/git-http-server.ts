/**
 * A Git remote over HTTP: git's own http-backend behind a real server, with refusals, redirects and slowness on demand.
 */
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { GitRepository, HttpLocation } from '../../../src/ports/index.ts';

export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Of the answer's body. */
  bytes: number;
}
/** Answers a request itself; false leaves it to git. */
export type Interference = (request: IncomingMessage, response: ServerResponse) => boolean;

export class GitHttpServer implements AsyncDisposable {
  readonly requests: RecordedRequest[] = [];
  interfere: Interference = () => false;
  /** What `git` is told beside the repository's own configuration: `uploadpack.allowFilter=true`. */
  configuration: readonly string[] = ['uploadpack.allowFilter=true'];
  /** False: the server knows only version 0 of the protocol. */
  version2 = true;
  readonly #root: string;
  readonly #server: Server;
  readonly #scheme: 'http' | 'https';

  private constructor(root: string, tls: { key: string; cert: string } | undefined) {
    this.#root = root;
    this.#scheme = tls === undefined ? 'http' : 'https';
    const handle = (request: IncomingMessage, response: ServerResponse): void =>
      this.#handle(request, response);
    this.#server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  }

  static async start(root: string, tls?: { key: string; cert: string }): Promise<GitHttpServer> {
    const server = new GitHttpServer(root, tls);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  url(path = 'repo.git', host = '127.0.0.1'): string {
    return `${this.#scheme}://${host}:${this.port}/${path}`;
  }
  repository(more: Partial<HttpLocation> = {}): GitRepository {
    return {
      projectPath: 'demo/agents',
      location: { kind: 'http', url: this.url(), trustedHosts: ['127.0.0.1'], ...more },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    const recorded: RecordedRequest = { method, url, headers, bytes: 0 };
    this.requests.push(recorded);
    const write = response.write.bind(response);
    response.write = (chunk: Buffer | string) => {
      recorded.bytes += Buffer.byteLength(chunk);
      return write(chunk);
    };
    if (this.interfere(request, response)) return;
    this.#backend(request, response);
  }

  #backend(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, search } = new URL(request.url ?? '', 'http://x');
    const settings = this.configuration.map((one) => one.split('='));
    const child = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'],
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_CONFIG_SYSTEM: '/dev/null',
        GIT_PROJECT_ROOT: this.#root,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_PROTOCOL: this.version2 ? String(request.headers['git-protocol'] ?? '') : '',
        REQUEST_METHOD: request.method,
        PATH_INFO: decodeURIComponent(pathname),
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        CONTENT_LENGTH: request.headers['content-length'] ?? '',
        GIT_CONFIG_COUNT: String(settings.length),
        ...Object.fromEntries(
          settings.flatMap(([key, value], nth) => [
            [`GIT_CONFIG_KEY_${nth}`, key],
            [`GIT_CONFIG_VALUE_${nth}`, value],
          ]),
        ),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(child.stdin);
    child.stdin.on('error', () => {});
    response.on('close', () => child.kill());
    let head = Buffer.alloc(0);
    let begun = false;
    child.stdout.on('data', (chunk: Buffer) => {
      if (begun) return void response.write(chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      begun = true;
      let status = 200;
      for (const line of head.toString('latin1', 0, end).split('\r\n')) {
        const [name = '', value = ''] = line.split(/: ?(.*)/s);
        if (name === 'Status') status = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.writeHead(status);
      if (head.length > end + 4) response.write(head.subarray(end + 4));
    });
    child.stdout.on('end', () => response.end());
  }
}
