/** The doctor of agents in this process, and a stand-in for an API server that allows what it is told to. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readDoctorLine, unsetBuild } from '../../src/agentk/index.ts';
import { examineAgent, type Finding } from '../../src/doctor/index.ts';
import { systemClock } from '../../src/host/index.ts';
import type { Clock } from '../../src/ports/index.ts';
import { silentLog } from '../gitlab/recording-log.ts';

export interface Examined {
  readonly findings: readonly Finding[];
  readonly isGood: boolean;
  /** `part: rung` of all that is broken. */
  readonly broken: readonly string[];
  /** The one broken rung. */
  readonly trouble: Finding;
  /** The first finding of a rung. */
  readonly of: (rung: string) => Finding | undefined;
}

export interface Circumstances {
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly onFinding?: (finding: Finding) => void;
  readonly apiPort?: number;
  readonly token?: string | undefined;
}

/** Everything that was never to be seen. */
export const secretToken = 'agent-token-one-1234567890';

export async function examine(
  args: readonly string[],
  { env = {}, clock = systemClock, onFinding = () => {}, apiPort, ...rest }: Circumstances = {},
): Promise<Examined> {
  const token = 'token' in rest ? rest.token : secretToken;
  const environment: Record<string, string | undefined> = {
    HOME: '/nonexistent',
    POD_NAMESPACE: 'gitlab-agent',
    POD_NAME: 'agent-0',
    ...(token === undefined ? {} : { AGENTK_TOKEN: token }),
    ...env,
  };
  const server =
    apiPort === undefined ? [] : ['--server', `http://127.0.0.1:${apiPort}`, '--token', 'kube-token'];
  const line = readDoctorLine([...args, ...server], environment, unsetBuild);
  if (line.kind !== 'run') throw new Error(line.kind === 'error' ? line.message : line.text);
  const report = await examineAgent({ ...line, clock, log: silentLog, onFinding });
  const { findings, isGood } = report;
  const bad = findings.filter(({ verdict }) => verdict === 'bad');
  return {
    findings,
    isGood,
    broken: bad.map(({ part, rung }) => `${part}: ${rung}`),
    get trouble() {
      const [first] = bad;
      if (first === undefined || bad.length > 1) throw new Error(JSON.stringify(findings, undefined, 1));
      return first;
    },
    of: (name) => findings.find(({ rung }) => rung === name),
  };
}

export class ApiServer implements Disposable {
  /** `verb resource` that are refused. */
  readonly refused = new Set<string>();
  /** The status of everything, in place of an answer. */
  status: number | undefined;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        if (this.status !== undefined) return void response.writeHead(this.status).end('{}');
        if (request.url === '/version') return void response.end(JSON.stringify({ gitVersion: 'v1.33.1' }));
        const { spec } = JSON.parse(Buffer.concat(chunks).toString()) as {
          readonly spec: {
            readonly resourceAttributes: { readonly verb: string; readonly resource: string };
          };
        };
        const { verb, resource } = spec.resourceAttributes;
        response
          .writeHead(201)
          .end(JSON.stringify({ status: { allowed: !this.refused.has(`${verb} ${resource}`) } }));
      });
    });
  }

  static async start(): Promise<ApiServer> {
    const api = new ApiServer();
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
