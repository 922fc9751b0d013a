/**
 * One remote: what its server can do, where it has moved to, and whether it wants to be left alone. What it can do is
 * remembered, so that looking at a ref costs one small exchange.
 *
 * 1. A redirect is followed only while learning what the server can do, only to the same or a trusted host, and never takes
 *    credentials to another host.
 * 2. Any failure forgets what was learnt: the server may be another one now.
 */
import type { Clock, HttpLocation } from '../../ports/index.ts';
import { RepositoryFault } from '../objects/index.ts';
import {
  Advertisement,
  advertisementBytesMax,
  PacketDecoder,
  type Packet,
  protocolFault,
  type RefChoice,
} from '../pack-protocol/index.ts';
import { readCredentials } from './credentials-file.ts';
import { HostRules, withoutBrackets } from './host-rules.ts';
import { httpTimes, redirectsMax, unneededBytesMax } from './limits.ts';
import { type HttpAnswer, networkFault, type Transports } from './transport.ts';
import type { ServerAbilities } from './upload-pack.ts';

export interface RemoteDeps {
  readonly transports: Transports;
  readonly clock: Clock;
  /** `User-Agent`; begins with `git/`, without which some hosts answer web pages. */
  readonly userAgent: string;
}

export interface Learnt extends ServerAbilities {
  /** The remote's URL after redirects, without a slash at its end. */
  readonly base: string;
  readonly atMs: number;
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const uploadPack = 'git-upload-pack';

export class Remote {
  readonly #deps: RemoteDeps;
  readonly #location: HttpLocation;
  readonly #rules: HostRules;
  #learnt: Learnt | undefined;
  /** Monotonic; before it nothing is asked. */
  #heldOffUntilMs = 0;

  constructor(location: HttpLocation, deps: RemoteDeps) {
    this.#location = location;
    this.#deps = deps;
    this.#rules = new HostRules(location.trustedHosts);
  }

  /** What the server can do. When it had to be asked and lists its refs at once, they were offered to `choice`. */
  async learn(choice: RefChoice, signal: AbortSignal): Promise<{ learnt: Learnt; listed: boolean }> {
    const known = this.#learnt;
    const nowMs = this.#deps.clock.monotonic();
    if (known?.version === 2 && nowMs - known.atMs < httpTimes.capabilitiesMs) {
      return { learnt: known, listed: false };
    }
    const { advertisement, base } = await this.#forgetting(() => this.#greet(choice, signal));
    const format = advertisement.capabilities.get('object-format') ?? 'sha1';
    const learnt: Learnt = {
      version: advertisement.version === 2 ? 2 : 0,
      capabilities: advertisement.capabilities,
      oidBytes: format === 'sha256' ? 32 : 20,
      base,
      atMs: nowMs,
    };
    this.#learnt = learnt;
    return { learnt, listed: learnt.version === 0 };
  }

  /** Sends a request to upload-pack and gives each packet of the answer to `take`, until it wants no more. */
  post(
    { base, version }: Learnt,
    body: Buffer,
    signal: AbortSignal,
    take: (packet: Packet) => boolean,
  ): Promise<void> {
    return this.#forgetting(async () => {
      const url = new URL(`${base}/${uploadPack}`);
      const headers = {
        ...(await this.#headers(url)),
        'content-type': `application/x-${uploadPack}-request`,
        accept: `application/x-${uploadPack}-result`,
        ...(version === 2 ? { 'git-protocol': 'version=2' } : {}),
      };
      const answer = await this.#send({ method: 'POST', url, headers, body }, signal);
      await this.#expect(answer, url, `application/x-${uploadPack}-result`);
      await eachPacket(answer, url, Number.POSITIVE_INFINITY, take);
    });
  }

  async #greet(
    choice: RefChoice,
    signal: AbortSignal,
  ): Promise<{ advertisement: Advertisement; base: string }> {
    let base = this.#location.url.replace(/\/+$/, '');
    for (let hop = 0; hop <= redirectsMax; hop += 1) {
      const url = new URL(`${base}/info/refs?service=${uploadPack}`);
      const headers = { ...(await this.#headers(url)), 'git-protocol': 'version=2', accept: '*/*' };
      const answer = await this.#send({ method: 'GET', url, headers }, signal);
      if (redirects.has(answer.statusCode)) {
        base = await this.#redirected(answer, url);
        continue;
      }
      await this.#expect(answer, url, `application/x-${uploadPack}-advertisement`);
      const advertisement = new Advertisement(choice);
      await eachPacket(answer, url, advertisementBytesMax, (packet) => {
        advertisement.take(packet);
        // The rest of a list of refs is not needed once the wanted one is there, but a fetch needs what comes first.
        return !choice.decided && !advertisement.complete;
      });
      if (!choice.decided && !advertisement.complete) throw protocolFault('the list of refs has no end');
      return { advertisement, base };
    }
    throw unavailable(`remote ${new URL(base).host} redirects more than ${redirectsMax} times`);
  }

  /** Where the repository has moved to (1). */
  async #redirected(answer: HttpAnswer, from: URL): Promise<string> {
    await answer.body.dump().catch(() => {});
    const location = String(answer.headers['location'] ?? '');
    const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
    const suffix = `/info/refs`;
    if (to === undefined || !to.pathname.endsWith(suffix)) {
      throw unavailable(`remote ${from.host} redirects to something that is no repository`);
    }
    const same = to.hostname === from.hostname && (to.protocol === from.protocol || to.protocol === 'https:');
    if (!same && !this.#rules.trusts(withoutBrackets(to.hostname))) {
      throw unavailable(
        `remote ${from.host} redirects to ${to.host}, which is not trusted; write the new URL or trust the host`,
      );
    }
    return `${to.origin}${to.pathname.slice(0, -suffix.length)}`;
  }

  async #headers(url: URL): Promise<Record<string, string>> {
    const headers = { 'user-agent': this.#deps.userAgent, 'cache-control': 'no-cache' };
    const { credentialsFile } = this.#location;
    // Another host than the one the credentials are for gets none (1).
    if (credentialsFile === undefined || url.origin !== new URL(this.#location.url).origin) return headers;
    const credentials = await readCredentials(credentialsFile);
    if (credentials.kind === 'unreadable') throw unavailable(credentials.reason);
    return { ...headers, authorization: credentials.authorization };
  }

  #send(request: Parameters<Transports['send']>[1], signal: AbortSignal): Promise<HttpAnswer> {
    const leftMs = this.#heldOffUntilMs - this.#deps.clock.monotonic();
    if (leftMs > 0) {
      throw unavailable(
        `remote ${request.url.host} asked to be left alone for ${Math.ceil(leftMs / 1_000)} s more`,
      );
    }
    return this.#deps.transports.send(this.#location.trustedHosts, request, signal);
  }

  async #expect(answer: HttpAnswer, url: URL, type: string): Promise<void> {
    const { statusCode, headers } = answer;
    if (statusCode === 200 && String(headers['content-type'] ?? '').split(';')[0] === type) return;
    await answer.body.dump().catch(() => {});
    const what = `remote ${url.host} answers HTTP ${statusCode}`;
    if (statusCode === 200) throw unavailable(`remote ${url.host} does not speak Git's smart HTTP there`);
    if (statusCode === 404 || statusCode === 410)
      throw new RepositoryFault('notFound', 'repository not found');
    if (statusCode === 401 || statusCode === 403) {
      throw unavailable(`${what}: it wants other credentials; check credentials_file and what they may read`);
    }
    if (statusCode === 429 || statusCode === 503) this.#holdOff(String(headers['retry-after'] ?? ''));
    throw unavailable(what);
  }

  /** `Retry-After` in seconds; a date is taken for the usual time. */
  #holdOff(retryAfter: string): void {
    const { holdOffMs, holdOffMsMax } = httpTimes;
    const ms = /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : holdOffMs;
    this.#heldOffUntilMs = this.#deps.clock.monotonic() + Math.min(ms, holdOffMsMax);
  }

  async #forgetting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#learnt = undefined; // 2
      throw error;
    }
  }
}

/** Gives the packets of a body to `take`, until it wants no more. */
async function eachPacket(
  answer: HttpAnswer,
  url: URL,
  bytesMax: number,
  take: (packet: Packet) => boolean,
): Promise<void> {
  const decoder = new PacketDecoder();
  let bytes = 0;
  let unneeded = 0;
  let enough = false;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw unavailable(`remote ${url.host} sends too much`);
      if (enough) {
        // A short rest is read, so that the connection is kept for the next question; a long one is cut off.
        unneeded += chunk.length;
        if (unneeded > unneededBytesMax) return;
        continue;
      }
      for (const packet of decoder.push(chunk)) {
        enough ||= !take(packet);
        if (enough) break;
      }
    }
  } catch (error) {
    throw networkFault(error, url);
  }
  if (!enough) decoder.end();
}

function unavailable(reason: string): RepositoryFault {
  return new RepositoryFault('unavailable', reason);
}
