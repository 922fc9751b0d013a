/**
 * HTTP to remotes: to checked addresses only, through the environment's proxy if there is one, never redirected by itself.
 *
 * 1. The proxy is the operator's choice and is not checked; what it connects to is checked as far as it is an address.
 * 2. Every exchange ends: connecting, headers and gaps in a body have their times, the whole has its caller's.
 */
import { Agent, type Dispatcher, errors, ProxyAgent } from 'undici';
import { isIP } from 'node:net';
import { errorCode, RepositoryFault } from '../objects/index.ts';
import { proxyOf, type ProxyEnvironment } from '../proxy/index.ts';
import { HostRules, refusedHostCode, withoutBrackets } from './host-rules.ts';
import { connectionsPerHostMax, httpTimes, transportsMax } from './limits.ts';

export interface TransportDeps {
  readonly environment: ProxyEnvironment;
  /** Certificate authorities, PEM; absent means the system's. */
  readonly authorities?: Buffer;
}
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}
export type HttpAnswer = Dispatcher.ResponseData;

export class Transports {
  readonly #deps: TransportDeps;
  /** By the hosts they trust and the proxy they take. */
  readonly #dispatchers = new Map<string, Dispatcher>();

  constructor(deps: TransportDeps) {
    this.#deps = deps;
  }

  /** Sends a request. Whatever hinders it is a fault `unavailable`. */
  async send(
    trustedHosts: readonly string[],
    request: HttpRequest,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const { method, url, headers, body } = request;
    const rules = new HostRules(trustedHosts);
    const refusal = urlRefusal(url, rules);
    if (refusal !== undefined) throw unavailable(refusal);
    const dispatcher = this.#dispatcher(url, trustedHosts, rules);
    try {
      return await dispatcher.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers,
        body: body ?? null,
        signal,
        headersTimeout: httpTimes.headersMsMax,
        bodyTimeout: httpTimes.bodyMsMax,
      });
    } catch (error) {
      throw networkFault(error, url);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#dispatchers.values()].map((one) => one.destroy()));
    this.#dispatchers.clear();
  }

  #dispatcher(url: URL, trustedHosts: readonly string[], rules: HostRules): Dispatcher {
    const secure = url.protocol === 'https:';
    const port = Number(url.port) || (secure ? 443 : 80);
    const proxy = proxyOf(this.#deps.environment, { host: withoutBrackets(url.hostname), port, secure });
    if (proxy.kind === 'invalid') throw unavailable(proxy.reason);
    const key = JSON.stringify([proxy.kind === 'proxy' ? proxy.url.href : '', trustedHosts]);
    const known = this.#dispatchers.get(key);
    if (known !== undefined) return known;
    if (this.#dispatchers.size >= transportsMax) throw unavailable('there are too many kinds of remotes');
    const { authorities: ca } = this.#deps;
    const tls = ca === undefined ? {} : { ca };
    const timing = {
      connections: connectionsPerHostMax,
      keepAliveTimeout: httpTimes.idleMs,
      connectTimeout: httpTimes.connectMsMax,
    };
    const made =
      proxy.kind === 'proxy'
        ? new ProxyAgent({ ...timing, uri: proxy.url.href, requestTls: tls, proxyTls: tls })
        : new Agent({
            ...timing,
            connect: { ...tls, lookup: rules.lookup, timeout: httpTimes.connectMsMax },
          });
    this.#dispatchers.set(key, made);
    return made;
  }
}

/** Why a URL may not be asked, before anything is resolved; undefined when it may. */
export function urlRefusal(url: URL, rules: HostRules): string | undefined {
  const host = withoutBrackets(url.hostname);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'remote must have an https:// URL';
  if (url.protocol === 'http:' && !rules.trusts(host)) {
    return `remote ${url.host} may only be asked with https; trust the host to use http`;
  }
  if (url.username !== '' || url.password !== '') return 'remote must not have a user or password in its URL';
  if (isIP(host) > 0 && !rules.permits(host, host)) return refusedText(url);
  return undefined;
}

/** What went wrong on the network, without what was sent. */
export function networkFault(error: unknown, url: URL): RepositoryFault {
  if (error instanceof RepositoryFault) return error;
  const code = errorCode(error) ?? errorCode(error instanceof Error ? error.cause : undefined);
  if (code === refusedHostCode) return unavailable(refusedText(url));
  if (
    error instanceof errors.RequestAbortedError ||
    (error instanceof Error && error.name === 'AbortError')
  ) {
    return unavailable('cancelled');
  }
  return unavailable(`remote ${url.host} cannot be reached (${code ?? 'connection failed'})`);
}

function refusedText(url: URL): string {
  return `remote ${url.host} has a private or special address, which is refused unless the host is trusted`;
}

function unavailable(reason: string): RepositoryFault {
  return new RepositoryFault('unavailable', reason);
}
