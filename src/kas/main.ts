/**
 * The composition root of the server: reads the configuration, makes the ports, builds the tree and hands it to the chart of
 * the process. The tree, in start order (it stops in reverse):
 *
 *   files · observability · usage reporter · connections · sessions · configuration watches · tunnels · requests ·
 *   private API · API · agent API · Kubernetes API
 */
import { networkInterfaces } from 'node:os';
import { env } from 'node:process';
import { createActor, waitFor, type Actor, type EventFromLogic } from 'xstate';
import { createKasLogic } from '../actors/index.ts';
import { createLog, createMetrics, systemClock, systemRandom } from '../host/index.ts';
import type { Clock, Log, LogLevel, Random } from '../ports/index.ts';
import { ineffectiveKeys, readConfiguration, type KasConfiguration } from './configuration/index.ts';
import { openCredentials } from './credentials.ts';
import { ownPrivateApiUrl } from './own-url.ts';
import type { ServerDeps } from './server-deps.ts';
import { buildServer, type Server, type ServerPorts } from './server.ts';

type KasLogic = ReturnType<typeof createKasLogic>;

export interface KasOptions {
  readonly configurationFile: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Wins over the file's, for tests. */
  readonly logLevel?: LogLevel;
}

export interface RunningKas {
  readonly ports: ServerPorts;
  /** Asks to stop; asking again cuts what the first waits for. */
  stop(reason: string): void;
  /** How it ended; never rejects. */
  readonly ended: Promise<
    { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string }
  >;
}

/** Rejects with a text for people when the configuration is unusable or something cannot start. */
export async function runKas(options: KasOptions): Promise<RunningKas> {
  const read = await readConfiguration(options.configurationFile);
  if (read.kind === 'invalid') throw new Error(read.reason);
  const { configuration, folder } = read;
  const clock = options.clock ?? systemClock;
  const { logging } = configuration.observability;
  const { log } = createLog({ level: options.logLevel ?? logging.level });
  const environment = options.environment ?? env;
  for (const { key, reason } of ineffectiveKeys(configuration, environment))
    log.warn('Configuration: a key without effect', { key, reason });
  let process: Actor<KasLogic> | undefined;
  const server = await buildServer({
    configuration,
    folder,
    ownUrl: ownUrl(configuration, environment, log),
    credentials: await openCredentials(configuration, folder, log),
    environment,
    clock,
    random: options.random ?? systemRandom,
    log,
    grpcLog: createLog({ level: options.logLevel ?? logging.grpc_level }).log,
    registry: createMetrics({ processMetrics: true }),
    serving: () => process?.getSnapshot().hasTag('ready') ?? false,
  });
  const daemon = runServer(server, configuration, clock);
  process = daemon.process;
  await daemon.started;
  return {
    ports: server.ports(),
    stop: (reason) => {
      log.info('Stopping', { reason });
      daemon.stop(reason);
    },
    ended: daemon.ended,
  };
}

/** A server under the chart of its process. */
export interface ServerProcess {
  readonly process: Actor<KasLogic>;
  /** Resolves when everything is up; rejects with a text for people when that failed. */
  readonly started: Promise<void>;
  /** Asks to stop; asking again cuts what the first waits for. */
  stop(reason: string): void;
  readonly ended: RunningKas['ended'];
}

/** Starts what was built. */
export function runServer(server: Server, configuration: KasConfiguration, clock: Clock): ServerProcess {
  const process = createActor(createKasLogic(server.tree), {
    id: 'kas',
    clock,
    input: { drainMsMax: drainMsMax(configuration) },
    inspect: server.inspect,
  });
  // An orderly stop ends the tree as well; by then the process is past caring.
  const tell = (event: EventFromLogic<KasLogic>) => {
    if (process.getSnapshot().status === 'active') process.send(event);
  };
  void server.tree.broken.then((reason) => tell({ type: 'tree.failed', reason }));
  const ended = new Promise<Awaited<RunningKas['ended']>>((done) => {
    process.subscribe({
      complete: () => done(process.getSnapshot().output ?? { kind: 'stopped' }),
      error: (error) =>
        done({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
    });
  });
  process.start();
  const closed = ended.then(async (outcome) => {
    await server.close();
    return outcome;
  });
  return {
    process,
    started: waitFor(process, (state) => state.hasTag('ready') || state.status !== 'active').then(
      async (snapshot) => {
        if (snapshot.hasTag('ready')) return;
        const outcome = await closed;
        throw new Error(outcome.kind === 'failed' ? outcome.reason : 'stopped while starting');
      },
    ),
    stop: (reason) => tell({ type: 'stop.requested', reason }),
    ended: closed,
  };
}

/** Where other kas find this one; undefined when none does. Throws with a text for people. */
function ownUrl(
  { private_api: privateApi }: KasConfiguration,
  environment: ServerDeps['environment'],
  log: Log,
): ServerDeps['ownUrl'] {
  if (privateApi === undefined) return undefined;
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const found = ownPrivateApiUrl({
    environment,
    listen: privateApi.listen,
    interfaces: addresses.map(({ address }) => address),
  });
  if (found.kind === 'invalid') throw new Error(found.reason);
  log.info('Using own private API URL', { url: found.url });
  return found;
}

/** Every grace a drain may use, one after the other, and a little for closing. */
function drainMsMax({ agent, api, private_api }: KasConfiguration): number {
  const proxy = agent.kubernetes_api?.listen;
  const proxyMs = proxy === undefined ? 0 : proxy.listen_grace_period + proxy.shutdown_grace_period;
  const apisMs = [api, private_api].reduce(
    (sum, one) =>
      sum + (one === undefined ? 0 : one.listen.listen_grace_period + one.listen.max_connection_age),
    0,
  );
  return apisMs + proxyMs + agent.listen.listen_grace_period + agent.listen.max_connection_age + 30_000;
}
