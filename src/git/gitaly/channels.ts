/**
 * Channels to Gitaly servers, one per address, each owned by an actor (`statecharts/gitaly-channel.ts`). The token is proved
 * per call, so servers are told apart by their addresses alone.
 *
 * The library dials, reconnects with backoff, pings and spreads calls over the addresses of a name; connections that still
 * serve are carried over from a channel to its successor, so a renewal dials nothing that is there already.
 */
import { Resolver } from 'node:dns/promises';
import { ChannelCredentials, Client, type ChannelOptions } from '@grpc/grpc-js';
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import { gitalyChannelMachine } from '../../../statecharts/index.ts';
import type { Clock, GitFailure, Metrics } from '../../ports/index.ts';
import { type DynamicSupervisor, guarded } from '../../supervisor/index.ts';
import { proxyOf, type ProxyEnvironment } from '../proxy/index.ts';
import { endpointText, type GitalyAddress, parseGitalyAddress } from './address.ts';
import { CallLimiter, limiterReport } from './call-limiter.ts';
import { type CallRate, gitalyTimes, messageBytesMax } from './limits.ts';

export interface ChannelsDeps {
  readonly supervisor: DynamicSupervisor;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly userAgent: string;
  readonly perServerRate: CallRate;
  readonly serversMax: number;
  readonly environment: ProxyEnvironment;
  /** Certificate authorities for `tls://`, PEM; absent means the system's. */
  readonly authorities?: Buffer;
}

/** A channel held by one call. */
export interface ChannelLease {
  readonly kind: 'lease';
  readonly client: Client;
  /** The channel was cut: the call on it must end. */
  readonly cut: AbortSignal;
  release(): void;
}

/** A server that was asked lately. */
interface Server {
  readonly address: GitalyAddress;
  readonly limiter: CallLimiter;
  readonly credentials: ChannelCredentials;
  channel: Channel | undefined;
}
interface Channel {
  readonly channelId: string;
  readonly client: Client;
  readonly key: string;
  readonly cut: AbortController;
  ref: AnyActorRef | undefined;
}

export class GitalyChannels {
  readonly #deps: ChannelsDeps;
  readonly #logic: AnyActorLogic;
  readonly #servers = new Map<string, Server>();
  readonly #channels = new Map<string, Channel>();
  #made = 0;

  constructor(deps: ChannelsDeps) {
    this.#deps = deps;
    this.#logic = this.#makeLogic();
    deps.metrics.observed(
      { name: 'kas_gitaly_channels', help: 'Channels to Gitaly servers' },
      () => this.#channels.size,
    );
  }

  /** The limiter of a server; making its acquaintance costs nothing on the network. */
  limiter(key: string): { readonly kind: 'limiter'; readonly limiter: CallLimiter } | GitFailure {
    const server = this.#server(key);
    return 'kind' in server ? server : { kind: 'limiter', limiter: server.limiter };
  }

  /** A channel to the server, opened if there is none. Must be released. */
  async lease(key: string): Promise<ChannelLease | GitFailure> {
    const server = this.#server(key);
    if ('kind' in server) return server;
    const target = await this.#target(server.address);
    if (typeof target !== 'string') return target;
    const channel = server.channel ?? this.#open(key, server, target);
    if (channel === undefined) return unavailable('no more channels to Gitaly can be opened');
    tell(channel, { type: 'call.started' });
    return {
      kind: 'lease',
      client: channel.client,
      cut: channel.cut.signal,
      release: () => tell(channel, { type: 'call.ended' }),
    };
  }

  #server(key: string): Server | GitFailure {
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    const parsed = parseGitalyAddress(key);
    if (parsed.kind === 'invalid') return unavailable(parsed.reason);
    if (this.#servers.size >= this.#deps.serversMax) this.#forgetUnused();
    if (this.#servers.size >= this.#deps.serversMax) return unavailable('there are too many Gitaly servers');
    const { perServerRate, clock, metrics, authorities } = this.#deps;
    const { address } = parsed;
    const report = limiterReport(metrics, `gitaly_client_${key}`, perServerRate);
    const server: Server = {
      address,
      limiter: new CallLimiter(perServerRate, clock, report),
      credentials: address.secure
        ? ChannelCredentials.createSsl(authorities ?? null)
        : ChannelCredentials.createInsecure(),
      channel: undefined,
    };
    this.#servers.set(key, server);
    return server;
  }

  #forgetUnused(): void {
    for (const [key, { channel, limiter }] of this.#servers) {
      if (channel === undefined && limiter.full) this.#servers.delete(key);
    }
  }

  /** What to dial; a name server named in the address is asked here, because the library would ask the system's. */
  async #target({ target, nameServer, endpoint }: GitalyAddress): Promise<string | GitFailure> {
    if (nameServer === undefined || endpoint === undefined) return target;
    const resolver = new Resolver({ timeout: gitalyTimes.lookupMsMax / 3, tries: 3 });
    resolver.setServers([nameServer]);
    const addresses = await resolver.resolve4(endpoint.host).catch(() => []);
    if (addresses.length > 0)
      return `ipv4:${addresses.map((one) => endpointText(one, endpoint.port)).join()}`;
    const others = await resolver.resolve6(endpoint.host).catch(() => []);
    if (others.length > 0) return `ipv6:${others.map((one) => endpointText(one, endpoint.port)).join()}`;
    return unavailable('the name server of the Gitaly address knows no such host');
  }

  #open(key: string, server: Server, target: string): Channel | undefined {
    const dial = this.#dialing(server.address, target);
    if (dial === undefined) return undefined;
    const channelId = `gitaly-channel:${++this.#made}`;
    const channel: Channel = {
      channelId,
      client: new Client(dial.target, server.credentials, dial.options),
      key,
      cut: new AbortController(),
      ref: undefined,
    };
    this.#channels.set(channelId, channel);
    server.channel = channel;
    const started = this.#deps.supervisor.startChild({
      id: channelId,
      logic: this.#logic,
      input: { channelId },
      restart: 'temporary',
    });
    if (started.kind === 'refused') {
      this.#retire(channelId);
      this.#close(channelId);
      return undefined;
    }
    channel.ref = started.ref;
    return channel;
  }

  #dialing(address: GitalyAddress, target: string): { target: string; options: ChannelOptions } | undefined {
    const { environment } = this.#deps;
    const { endpoint } = address;
    const options = this.#options();
    if (endpoint === undefined) return { target, options };
    const authority = endpointText(endpoint.host, endpoint.port);
    // The originals' library takes the proxy of HTTPS for every TCP connection.
    const proxy = proxyOf(environment, { ...endpoint, secure: true });
    if (proxy.kind === 'invalid') return undefined;
    if (proxy.kind === 'direct') {
      return { target, options: { ...options, 'grpc.default_authority': authority } };
    }
    const { hostname, port, username, password } = proxy.url;
    return {
      target: `dns:${hostname}:${port || '80'}`,
      options: {
        ...options,
        'grpc.default_authority': authority,
        'grpc.http_connect_target': `dns:${authority}`,
        ...(username === ''
          ? {}
          : { 'grpc.http_connect_creds': decodeURIComponent(`${username}:${password}`) }),
      },
    };
  }

  #options(): ChannelOptions {
    const { keepaliveMs, keepaliveTimeoutMs, reconnectMs } = gitalyTimes;
    return {
      'grpc.primary_user_agent': this.#deps.userAgent,
      'grpc.keepalive_time_ms': keepaliveMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.initial_reconnect_backoff_ms': reconnectMs.init,
      'grpc.max_reconnect_backoff_ms': reconnectMs.max,
      'grpc.max_receive_message_length': messageBytesMax,
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
    };
  }

  #retire(channelId: string): void {
    const channel = this.#channels.get(channelId);
    const server = channel && this.#servers.get(channel.key);
    if (server?.channel === channel && server !== undefined) server.channel = undefined;
  }

  #close(channelId: string): void {
    const channel = this.#channels.get(channelId);
    // Closing alone would let calls run on.
    channel?.cut.abort();
    channel?.client.close();
    this.#channels.delete(channelId);
  }

  #makeLogic(): AnyActorLogic {
    return guarded(
      gitalyChannelMachine.provide({
        actions: {
          retire: (_, { channelId }) => this.#retire(channelId),
          close: (_, { channelId }) => this.#close(channelId),
        },
      }),
    );
  }
}

/** A channel that was cut while a call ran on it hears nothing more. */
function tell({ ref }: Channel, event: { readonly type: 'call.started' | 'call.ended' }): void {
  if (ref?.getSnapshot().status === 'active') ref.send(event);
}

function unavailable(reason: string): GitFailure {
  return { kind: 'unavailable', reason };
}
