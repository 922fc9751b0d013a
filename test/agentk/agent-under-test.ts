/** An agent in this process, with what it logged, and a stand-in for its API server. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { runAgentk, unsetBuild } from '../../src/agentk/index.ts';
import type { Agentk, AgentkOptions } from '../../src/agentk/index.ts';
import { createMetrics, systemClock } from '../../src/host/index.ts';
import type { Clock, Log, LogFields, LogLevel } from '../../src/ports/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

export interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export class AgentUnderTest {
  readonly agentk: Agentk;
  readonly lines: Line[];
  readonly expose: () => Promise<{ readonly body: string }>;
  level: LogLevel = 'info';

  private constructor(agentk: Agentk, lines: Line[], expose: () => Promise<{ readonly body: string }>) {
    this.agentk = agentk;
    this.lines = lines;
    this.expose = expose;
  }

  static async start(
    kasPort: number,
    apiPort: number,
    more: Partial<AgentkOptions> & { readonly clock?: Clock } = {},
  ): Promise<AgentUnderTest> {
    const lines: Line[] = [];
    const { metrics, expose } = createMetrics({ processMetrics: false });
    const levels: LogLevel[] = [];
    const { clock = systemClock, ...options } = more;
    const agentk = await runAgentk({
      kasAddress: `grpc://127.0.0.1:${kasPort}`,
      token: 'agent-token',
      kasHeaders: [],
      pod: { namespace: 'gitlab-agent', name: 'agent-0' },
      build: unsetBuild,
      kubernetes: { server: `http://127.0.0.1:${apiPort}`, token: 'kube-token' },
      env: { HOME: '/nonexistent' },
      startDelayMsMax: 0,
      drainMs: 5_000,
      ports: {
        clock,
        random: new SeededRandom(1),
        log: recorder(lines, {}),
        setLogLevel: (level) => levels.push(level),
        metrics,
        expose,
      },
      ...options,
    });
    const agent = new AgentUnderTest(agentk, lines, expose);
    agent.#levels = levels;
    return agent;
  }

  #levels: LogLevel[] = [];

  /** Log levels that were set, in order. */
  get levels(): readonly LogLevel[] {
    return this.#levels;
  }

  /** Lines an operator would see. */
  get shown(): readonly Line[] {
    return this.lines.filter(({ level }) => level !== 'debug');
  }

  said(message: string): readonly Line[] {
    return this.shown.filter((line) => line.message === message);
  }
}

function recorder(lines: Line[], inherited: LogFields): Log {
  const write = (level: LogLevel) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields: { ...inherited, ...fields } });
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => recorder(lines, { ...inherited, ...fields }),
  };
}

/** Waits for a condition, not for a time. */
export function until(condition: () => boolean, what: string): Promise<void> {
  return expect.poll(condition, { timeout: 10_000, interval: 5, message: what }).toBe(true);
}

export class FakeApiServer {
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage['headers'];
  }[] = [];
  port = 0;
  /** Answers held back until released. */
  readonly held: ServerResponse[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<FakeApiServer> {
    const server = new FakeApiServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.port = (server.#server.address() as AddressInfo).port;
    return server;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (path.endsWith('/version')) {
      response.setHeader('Content-Type', 'application/json');
      response.end(
        JSON.stringify({ major: '1', minor: '33', gitVersion: 'v1.33.1', platform: 'linux/amd64' }),
      );
    } else if (path.endsWith('/held')) this.held.push(response);
    else if (path.endsWith('/missing')) response.writeHead(404).end('no such thing');
    else response.end(`hello from ${path}`);
  }
}
