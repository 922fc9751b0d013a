/**
 * A GitLab Rails for tests: a real HTTP(S) server that answers what kas asks as `spec/gitlab.md §1` says. It checks the JWT
 * (signature, issuer, audience, times) and the tokens, answers from a small world that the test may change, records every
 * request, and can be told to be in trouble.
 *
 *     await using rails = await FakeRails.start();
 *     kasConfiguration.gitlab.address = rails.url;              // secret: rails.secret, base64 in a file
 *     rails.world.agents[0].tokens.add('another-token');        // see `smallWorld` in world.ts for what is there
 *     rails.trouble('agent_info', { kind: 'status', status: 503 }, { kind: 'cut' });  // the next two, one each
 *     await rails.arrived(3, 'agent_info');                     // until three such requests came
 *     rails.requests('agent_configuration')[0]?.json;           // what was posted
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { railsReply, type RailsAge, type RailsRequest } from './endpoints.ts';
import { playTrouble, type RailsTrouble } from './trouble.ts';
import { smallWorld, type RailsWorld } from './world.ts';

export { railsProject, type RailsWorld } from './world.ts';
export type { RailsTrouble } from './trouble.ts';

export interface FakeRailsOptions {
  readonly world?: RailsWorld;
  /** Default `middle`: what a GitLab of the time of kas 16.5 does. */
  readonly age?: RailsAge;
  /** For HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** A GitLab below a path, e.g. `/gitlab`. */
  readonly relativeRoot?: string;
  /** The clock of GitLab, for the times in tokens. */
  readonly now?: () => number;
}

export interface RecordedRequest extends RailsRequest {
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
  /** Headers as they came, names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** Path and query as they came. */
  readonly target: string;
}

/** A handler a test gives for a path, e.g. of a module. */
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export class FakeRails {
  /** The 32 bytes both sides know. */
  readonly secret = randomBytes(32);
  readonly world: RailsWorld;
  /** May be changed by the test: GitLab is upgraded. */
  age: RailsAge;
  readonly #options: FakeRailsOptions;
  readonly #server: Server;
  readonly #recorded: RecordedRequest[] = [];
  readonly #troubles: { readonly part: string; readonly trouble: RailsTrouble }[] = [];
  readonly #handlers: { readonly part: string; readonly handler: Handler }[] = [];
  #waiting: (() => void)[] = [];

  private constructor(options: FakeRailsOptions) {
    this.#options = options;
    this.world = options.world ?? smallWorld();
    this.age = options.age ?? 'middle';
    const { tls } = options;
    this.#server = tls === undefined ? createServer() : createTlsServer(tls);
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) =>
      this.#serve(request, response),
    );
  }

  static async start(options: FakeRailsOptions = {}): Promise<FakeRails> {
    const rails = new FakeRails(options);
    await new Promise<void>((resolve) => rails.#server.listen(0, '127.0.0.1', resolve));
    return rails;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What goes into `gitlab.address`. */
  get url(): string {
    const { tls, relativeRoot = '' } = this.#options;
    return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}${relativeRoot}`;
  }

  /** Troubles for the next requests whose path contains `part`, one each, in order. */
  trouble(part: string, ...troubles: readonly RailsTrouble[]): void {
    for (const trouble of troubles) this.#troubles.push({ part, trouble });
  }

  /** Answers paths that contain `part` from now on; its body is the handler's to read, and is not recorded. */
  handle(part: string, handler: Handler): void {
    this.#handlers.push({ part, handler });
  }

  /** Everything that came, or what came for paths that contain `part`. */
  requests(part = ''): readonly RecordedRequest[] {
    return this.#recorded.filter(({ path }) => path.includes(part));
  }

  /** Resolves when at least `count` such requests have come. */
  async arrived(count: number, part = ''): Promise<void> {
    while (this.requests(part).length < count)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Open connections. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? '/';
    const handled = this.#handlers.find(({ part }) => target.includes(part));
    if (handled !== undefined) {
      this.#record(request, target, Buffer.alloc(0));
      handled.handler(request, response);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => this.#answer(request, response, target, Buffer.concat(chunks)));
  }

  #answer(request: IncomingMessage, response: ServerResponse, target: string, body: Buffer): void {
    const recorded = this.#record(request, target, body);
    const index = this.#troubles.findIndex(({ part }) => recorded.path.includes(part));
    const [trouble] = index < 0 ? [] : this.#troubles.splice(index, 1);
    if (trouble !== undefined) return playTrouble(trouble.trouble, response);
    const { relativeRoot = '', now = Date.now } = this.#options;
    const { status, headers, json } = recorded.path.startsWith(relativeRoot)
      ? railsReply(
          { ...recorded, path: recorded.path.slice(relativeRoot.length) },
          { world: this.world, age: this.age, secret: this.secret, nowMs: now() },
        )
      : { status: 404, headers: {}, json: undefined };
    const type = json === undefined ? {} : { 'Content-Type': 'application/json' };
    response.writeHead(status, { ...type, ...headers });
    response.end(json === undefined ? undefined : JSON.stringify(json));
  }

  #record(request: IncomingMessage, target: string, body: Buffer): RecordedRequest {
    const { pathname, searchParams } = new URL(target, 'http://gitlab.test');
    const headers = request.headers as Readonly<Record<string, string | undefined>>;
    const recorded: RecordedRequest = {
      method: request.method ?? '',
      path: pathname,
      query: searchParams,
      headers,
      rawHeaders: request.rawHeaders,
      target,
      body,
      json: parsed(body),
    };
    this.#recorded.push(recorded);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    return recorded;
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
