/**
 * The shared store on Redis, its data those of a Go kas (`spec/wire.md §8`). Three connections, each with a life of its own:
 *
 *   commands   everything that is asked and answered; pipelined
 *   writes     transactions that watch what they decide on
 *   events     the channel of git pushes
 *
 * S1. Redis must be there when kas starts. Later an outage costs what only Redis knows and nothing else: every call fails
 *     at once while there is no connection, in `write_timeout` when Redis is slow, and the callers go on without.
 * S2. What this kas said while Redis was away, or what Redis lost, is written again when it is back.
 * S3. Nothing here is told from a stop to the store but what the callers say: agents that leave say farewell, and the
 *     writes under way are finished. The rest expires, as with the originals.
 */
import type { Clock, ConnectedAgent, Log, Metrics, PushEvents, Random, Store } from '../../ports/index.ts';
import {
  Supervisor,
  type ChildSpec,
  type SomeChildSpec,
  type SupervisorEnv,
} from '../../supervisor/index.ts';
import { AgentDirectory } from './agent-directory.ts';
import type { RedisConnection } from './connection.ts';
import { Dialer } from './dialer.ts';
import { CallJournal, ClockOffset } from './journal.ts';
import { RedisKeys } from './keys.ts';
import { redisLimits, redisTimes } from './limits.ts';
import { StoreLink } from './link.ts';
import { RedisPushEvents } from './push-events.ts';
import { readRedisSettings, SettingsSource, type RedisSection, type RedisSettings } from './settings.ts';
import { RedisErrors } from './shared-errors.ts';
import { createStoreLinkLogic } from './store-link.actor.ts';
import { createStoreUpkeepLogic } from './store-upkeep.actor.ts';
import { TokenQuota } from './token-quota.ts';
import { WriteLane } from './write-lane.ts';

export interface RedisStoreOptions {
  /** The `redis` section of the configuration file. */
  readonly section: RedisSection;
  /** Relative names of files start here. */
  readonly folder: string;
  /** `agent.redis_conn_info_gc`. */
  readonly gcPeriodMs: number;
  /** Tries of the first connection before the start fails; default `redisTimes.firstTriesMax`. */
  readonly firstTriesMax?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The store, and what the composition root puts where. */
export interface RedisStore {
  readonly store: Store;
  readonly pushEvents: PushEvents;
  /** The readiness probe `redis`: what is wrong, undefined when nothing is. */
  readonly probe: () => string | undefined;
  /** First in the tree of kas, so that it starts before and stops after everything that uses it. */
  readonly child: (env: SupervisorEnv) => SomeChildSpec;
}

/** Reads the files the section names; rejects with a text for people. Connects only when `child` is started. */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const settings = await readRedisSettings(options.section, options.folder);
  const parts = new RedisParts(new SettingsSource(settings, options), options);
  const links = [parts.commands, parts.writes, parts.events];
  const logic = createStoreLinkLogic({
    ...options,
    links: new Map(links.map((link) => [link.name, link])),
  });
  return {
    store: parts.store,
    pushEvents: parts.pushEvents,
    probe: () => links.map(({ trouble }) => trouble).find((trouble) => trouble !== undefined),
    child: (env) => ({
      id: 'store',
      supervisor: () => {
        parts.onMissing = () => env.registry.send(upkeepName, { type: 'entries.missing' });
        const children = links.map((link) => linkSpec(link, logic, settings, options.firstTriesMax));
        return new Supervisor(
          {
            id: 'store',
            strategy: 'one_for_one',
            intensity: 5,
            periodMs: 30_000,
            children: [...children, upkeepSpec(parts, options.gcPeriodMs)],
          },
          env,
        );
      },
    }),
  };
}

const upkeepName = 'store-upkeep';
const backoff = { initMs: 1_000, factor: 2, maxMs: 30_000, jitter: 1, resetMs: 60_000 };

function linkSpec(
  link: StoreLink,
  logic: ChildSpec['logic'],
  { callMs }: RedisSettings,
  triesMax: number = redisTimes.firstTriesMax,
): ChildSpec {
  const dialMs = link.dialMsMax + callMs;
  return {
    id: `store-link:${link.name}`,
    logic,
    input: { name: link.name, triesMax, dialMs, probeMs: callMs, probeAnswerMs: callMs },
    ready: 'tag',
    readyMs: triesMax * dialMs + redisTimes.startSlackMs,
    shutdown: 'infinity', // the chart has the deadline
    backoff,
  };
}

function upkeepSpec(parts: RedisParts, sweepPeriodMs: number): ChildSpec {
  return {
    id: upkeepName,
    name: upkeepName,
    logic: createStoreUpkeepLogic({
      sweep: (signal) => parts.directory.sweep(signal),
      restore: () => parts.directory.restore(parts.connectedAgents),
    }),
    input: { sweepPeriodMs },
  };
}

class RedisParts {
  readonly commands: StoreLink;
  readonly writes: StoreLink;
  readonly events: StoreLink;
  readonly directory: AgentDirectory;
  readonly pushEvents: RedisPushEvents;
  readonly store: Store;
  /** Agents in Redis when it was asked last. */
  connectedAgents = 0;
  /** Tells that Redis lacks something. */
  onMissing: () => void = () => {};
  readonly #clock: Clock;
  readonly #keys: RedisKeys;
  readonly #offset: ClockOffset;
  #roundTripMs = 0;

  constructor(source: SettingsSource, { clock, log, metrics }: RedisStoreOptions) {
    const settings = source.present;
    this.#clock = clock;
    const keys = (this.#keys = new RedisKeys(settings.keyPrefix));
    this.#offset = new ClockOffset(clock, log, metrics, redisTimes.clockOffsetMsMax);
    const dialer = () => new Dialer(source, clock);
    const journal = new CallJournal(log, metrics);
    const borrow = () => this.commands.borrow();
    const common = { borrow, keys, clock, log, metrics, journal };
    const lane = new WriteLane({
      ...common,
      borrow: () => this.writes.borrow(),
      waitMsMax: redisTimes.writeWaitMsMax,
    });
    this.pushEvents = new RedisPushEvents(common);
    this.directory = new AgentDirectory({ ...common, lane });
    this.commands = new StoreLink('commands', dialer(), { probe: (connection) => this.#probe(connection) });
    this.writes = new StoreLink('writes', dialer(), { probe: ping, finish: () => lane.settled() });
    this.events = new StoreLink('events', dialer(), {
      prepare: (connection) => this.pushEvents.listenOn(connection),
      probe: ping,
    });
    this.store = storeOf(this.directory, new TokenQuota(common), new RedisErrors(borrow, keys, journal));
    this.#observe(metrics, lane);
  }

  async #probe(connection: RedisConnection): Promise<void> {
    const [askedAt, since] = [this.#clock.now(), this.#clock.monotonic()];
    const optional = (reply: Promise<unknown>) => reply.catch(() => undefined);
    const time = optional(connection.call('TIME'));
    const count = optional(connection.call('HLEN', this.#keys.connectedAgents));
    await ping(connection);
    this.#roundTripMs = this.#clock.monotonic() - since;
    this.#offset.measured(await time, askedAt);
    const counted = await count;
    if (typeof counted !== 'number') return;
    this.connectedAgents = counted;
    if (this.directory.isMissing(counted)) this.onMissing(); // S2
  }

  #observe(metrics: Metrics, lane: WriteLane): void {
    const observed = (name: string, help: string, read: () => number) =>
      metrics.observed({ name, help }, read);
    observed(
      'connected_agents_count',
      'Agents connected to any kas, as Redis counts them; those that vanished count until they expire',
      () => this.connectedAgents,
    );
    observed(
      'redis_round_trip_seconds',
      'Time Redis took for its last sign of life',
      () => this.#roundTripMs / 1_000,
    );
    observed(
      'redis_agent_entries',
      'Entries of agents this kas keeps to write them again',
      () => this.directory.kept,
    );
    observed('redis_agent_entries_max', 'Bound of redis_agent_entries', () => redisLimits.rosterMax);
    observed('redis_writes_pending', 'Writes of agents that wait for Redis', () => lane.pending);
    observed('redis_writes_pending_max', 'Bound of redis_writes_pending', () => redisLimits.writesPendingMax);
    for (const link of [this.commands, this.writes, this.events]) {
      observed(`redis_${link.name}_connected`, `1 while the connection for ${link.name} is ready`, () =>
        link.ready ? 1 : 0,
      );
    }
  }
}

async function ping(connection: RedisConnection): Promise<void> {
  await connection.call('PING');
}

function storeOf(directory: AgentDirectory, quota: TokenQuota, sharedErrors: RedisErrors): Store {
  return {
    registerAgent: (agent: ConnectedAgent, ttlMs) => directory.register(agent, ttlMs),
    unregisterAgent: (agentId, connectionId, incarnation) =>
      directory.unregister(agentId, connectionId, incarnation),
    agentsById: (agentId) => directory.ofAgent(agentId),
    agentsByProject: (projectId) => directory.ofProject(projectId),
    connectedAgents: () => directory.count(),
    takeTokenQuota: (tokenKey, limitPerMinute) => quota.take(tokenKey, limitPerMinute),
    sharedErrors,
    // The connections belong to the tree and end with it.
    close: () => Promise.resolve(),
  };
}
