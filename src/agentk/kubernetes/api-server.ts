/**
 * The API server as agentk talks to it: one pool of kept-alive connections, no redirects, no time limits of its own (a
 * watch is a request that lasts), and the identity it is reached with.
 */
import type { Dispatcher } from 'undici';
import { Pool } from 'undici';
import type { ApiTarget } from '../../pipe/http/index.ts';
import type { Clock } from '../../ports/index.ts';
import { agentkLimits } from '../limits.ts';
import type { KubernetesAccess, KubernetesTls } from './access.ts';

/** What the API server calls itself; empty where it did not say. */
export interface KubernetesVersion {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
  readonly platform: string;
}

export interface ApiServer {
  /** For requests that come through tunnels. */
  readonly target: ApiTarget;
  /** `GET /version`; undefined when it cannot be had. */
  version(signal: AbortSignal): Promise<KubernetesVersion | undefined>;
  /** Requests under way or waiting for a connection, for the metrics. */
  load(): { readonly running: number; readonly waiting: number };
  close(): Promise<void>;
}

export function openApiServer(access: KubernetesAccess, clock: Clock): ApiServer {
  const tls = tlsOptions(access.tls);
  const pool = new Pool(access.server.origin, {
    connections: agentkLimits.kubernetesConnectionsMax,
    pipelining: 1,
    allowH2: false, // on HTTP/2 undici joins repeated headers, which breaks Impersonate-Group
    keepAliveTimeout: agentkLimits.kubernetesKeepAliveMs,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: agentkLimits.kubernetesHeaderBytesMax,
    connect: {
      timeout: agentkLimits.kubernetesConnectMs,
      keepAliveInitialDelay: agentkLimits.kubernetesProbeMs, // a watch may be quiet; a dead peer is found by TCP
      ...tls,
    },
  });
  const { impersonation } = access;
  const target: ApiTarget = {
    origin: access.server.origin,
    basePath: access.server.pathname.replace(/\/+$/, ''),
    dispatcher: pool,
    tls,
    authorization: access.authorize,
    ...(impersonation === undefined ? {} : { impersonation }),
  };
  return {
    target,
    version: (signal) => askVersion(target, clock, signal),
    load: () => ({ running: pool.stats.running, waiting: pool.stats.queued }),
    close: () => pool.destroy(),
  };
}

/** What a TLS connection to the API server needs, in the words of node:tls. */
function tlsOptions(tls: KubernetesTls) {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: !tls.skipVerify,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  } as const;
}

async function askVersion(
  target: ApiTarget,
  clock: Clock,
  signal: AbortSignal,
): Promise<KubernetesVersion | undefined> {
  const late = new AbortController();
  const timer = clock.setTimeout(() => late.abort(), agentkLimits.versionMs);
  try {
    const authorization = target.authorization();
    const answer = await target.dispatcher.request({
      method: 'GET',
      origin: target.origin,
      path: `${target.basePath}/version`,
      signal: AbortSignal.any([signal, late.signal]),
      headers: { accept: 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    });
    if (answer.statusCode === 200) return versionOf(await readBounded(answer));
    await answer.body.dump({ limit: agentkLimits.versionBytesMax });
    return undefined;
  } catch {
    return undefined;
  } finally {
    clock.clearTimeout(timer);
  }
}

async function readBounded({ body }: Dispatcher.ResponseData): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > agentkLimits.versionBytesMax) throw new Error('the version is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function versionOf(text: string): KubernetesVersion {
  const parsed: unknown = JSON.parse(text);
  const fields = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Readonly<
    Record<string, unknown>
  >;
  const word = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '');
  return {
    major: word('major'),
    minor: word('minor'),
    gitVersion: word('gitVersion'),
    platform: word('platform'),
  };
}
