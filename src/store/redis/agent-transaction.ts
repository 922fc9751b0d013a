/**
 * Many writes of agents' entries as one transaction (`spec/wire.md §8`): look at what is there, decide, write, all or
 * nothing. Deciding is pure.
 *
 * T1. What is decided on is watched: the hashes of the agents. A Go kas that writes the same agent meanwhile makes the
 *     transaction fail, and it is begun again.
 * T2. The newer incarnation wins, also against the entries of other kas. An expired entry counts for nothing.
 * T3. An agent leaves the set of connected agents when the last of its connections says farewell, not before.
 * T4. An entry that moved to another project leaves the former one.
 * T5. Only commands the originals use besides HGET and HLEN, so that a user of Redis made for them will do.
 */
import type { ConnectedAgent } from '../../ports/index.ts';
import type { Command, RedisConnection } from './connection.ts';
import type { RedisKeys } from './keys.ts';
import { redisLimits } from './limits.ts';
import { decodeEntry, encodeAgent, encodeExpiry, hasExpired, type StoredEntry } from './values.ts';

export type AgentWrite =
  | {
      readonly kind: 'register';
      readonly agent: ConnectedAgent;
      readonly expiresAt: number;
      readonly ttlMs: number;
    }
  | {
      readonly kind: 'farewell';
      readonly agentId: bigint;
      readonly connectionId: bigint;
      readonly incarnation: number;
    };

/** `absent`: nothing was there to take away. */
export type WriteOutcome = 'written' | 'stale' | 'full' | 'absent';

interface Found {
  readonly entry: StoredEntry | undefined;
  /** Fields of the agent's hash. */
  readonly connections: number;
}

/** The writes must be of different connections. Answers undefined when others were faster (T1). */
export async function writeAgents(
  connection: RedisConnection,
  keys: RedisKeys,
  writes: readonly AgentWrite[],
  now: number,
): Promise<readonly WriteOutcome[] | undefined> {
  const hashes = writes.map((write) => keys.connectionsOfAgent(idsOf(write).agentId));
  const watched = connection.call(
    'WATCH',
    ...new Map(hashes.map((key) => [key.toString('latin1'), key])).values(),
  );
  const entries = writes.map((write, index) =>
    connection.call('HGET', hashes[index] ?? '', idsOf(write).connectionId.toString()),
  );
  const lengths = hashes.map((key) => connection.call('HLEN', key));
  const settled = await Promise.allSettled([watched, ...entries, ...lengths]);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await unwatch(connection);
    throw failed.reason;
  }
  const [, ...replies] = settled.map((result) => (result.status === 'fulfilled' ? result.value : undefined));
  const found = writes.map((_, index) => {
    const value = replies[index];
    return {
      entry: value instanceof Buffer ? decodeEntry(value) : undefined,
      connections: Number(replies[writes.length + index]),
    };
  });
  const { outcomes, commands } = decide(keys, writes, found, now);
  if (commands.length === 0) {
    await unwatch(connection);
    return outcomes;
  }
  return (await connection.transaction(commands)) === undefined ? undefined : outcomes;
}

/** What becomes of each write, and the commands that make it so. */
export function decide(
  keys: RedisKeys,
  writes: readonly AgentWrite[],
  found: readonly Found[],
  now: number,
): { readonly outcomes: readonly WriteOutcome[]; readonly commands: readonly Command[] } {
  const batch = new Batch(keys);
  const outcomes = writes.map((write, index): WriteOutcome => {
    const { entry, connections } = found[index] ?? { entry: undefined, connections: 0 };
    batch.counted(idsOf(write).agentId, connections);
    return write.kind === 'register' ? register(batch, write, entry, now) : farewell(batch, write, entry);
  });
  return { outcomes, commands: batch.commands() };
}

function register(
  batch: Batch,
  write: Extract<AgentWrite, { kind: 'register' }>,
  entry: StoredEntry | undefined,
  now: number,
): WriteOutcome {
  const { agent } = write;
  if (entry !== undefined && !hasExpired(entry, now) && entry.incarnation > agent.incarnation) return 'stale'; // T2
  if (entry === undefined) {
    if (batch.connections(agent.agentId) >= redisLimits.connectionsPerAgentMax) return 'full';
    batch.added(agent.agentId);
  }
  const former = entry?.agent?.projectId;
  if (former !== undefined && former !== agent.projectId) batch.leaveProject(former, agent.connectionId); // T4
  batch.write(write);
  return 'written';
}

function farewell(
  batch: Batch,
  write: Extract<AgentWrite, { kind: 'farewell' }>,
  entry: StoredEntry | undefined,
): WriteOutcome {
  if (entry === undefined) return 'absent';
  if (entry.incarnation > write.incarnation) return 'stale'; // T2
  batch.remove(write.agentId, write.connectionId, entry.agent?.projectId);
  return 'written';
}

/** The commands of one transaction, grouped so that each hash is written once. */
class Batch {
  readonly #keys: RedisKeys;
  readonly #sets = new Map<
    string,
    { readonly key: Buffer; readonly pairs: (string | Buffer)[]; ttlMs: number }
  >();
  readonly #removals = new Map<string, { readonly key: Buffer; readonly fields: string[] }>();
  /** Connections of each agent, as they will be. */
  readonly #connections = new Map<bigint, number>();
  readonly #registered = new Set<bigint>();
  readonly #left = new Set<bigint>();

  constructor(keys: RedisKeys) {
    this.#keys = keys;
  }

  counted(agentId: bigint, connections: number): void {
    if (!this.#connections.has(agentId)) this.#connections.set(agentId, connections);
  }

  connections(agentId: bigint): number {
    return this.#connections.get(agentId) ?? 0;
  }

  added(agentId: bigint): void {
    this.#connections.set(agentId, this.connections(agentId) + 1);
  }

  write({ agent, expiresAt, ttlMs }: Extract<AgentWrite, { kind: 'register' }>): void {
    const value = encodeAgent(agent, expiresAt);
    const field = agent.connectionId.toString();
    this.#set(this.#keys.connectionsOfAgent(agent.agentId), field, value, ttlMs);
    this.#set(this.#keys.connectionsOfProject(agent.projectId), field, value, ttlMs);
    this.#set(this.#keys.connectedAgents, agent.agentId.toString(), encodeExpiry(expiresAt), ttlMs);
    this.#registered.add(agent.agentId);
  }

  remove(agentId: bigint, connectionId: bigint, projectId: bigint | undefined): void {
    this.#remove(this.#keys.connectionsOfAgent(agentId), connectionId.toString());
    if (projectId !== undefined) this.leaveProject(projectId, connectionId);
    const left = this.connections(agentId) - 1;
    this.#connections.set(agentId, left);
    this.#left.add(agentId);
  }

  leaveProject(projectId: bigint, connectionId: bigint): void {
    this.#remove(this.#keys.connectionsOfProject(projectId), connectionId.toString());
  }

  commands(): Command[] {
    for (const agentId of this.#left) {
      if (this.connections(agentId) > 0 || this.#registered.has(agentId)) continue;
      this.#remove(this.#keys.connectedAgents, agentId.toString()); // T3
    }
    return [
      ...[...this.#removals.values()].map(({ key, fields }) => ['HDEL', key, ...fields]),
      ...[...this.#sets.values()].flatMap(({ key, pairs, ttlMs }) => [
        ['HSET', key, ...pairs],
        ['PEXPIRE', key, String(ttlMs)],
      ]),
    ];
  }

  #set(key: Buffer, field: string, value: Buffer, ttlMs: number): void {
    const name = key.toString('latin1');
    const set = this.#sets.get(name) ?? { key, pairs: [], ttlMs: 0 };
    set.pairs.push(field, value);
    set.ttlMs = Math.max(set.ttlMs, Math.ceil(ttlMs));
    this.#sets.set(name, set);
  }

  #remove(key: Buffer, field: string): void {
    const name = key.toString('latin1');
    const removal = this.#removals.get(name) ?? { key, fields: [] };
    removal.fields.push(field);
    this.#removals.set(name, removal);
  }
}

function idsOf(write: AgentWrite): { readonly agentId: bigint; readonly connectionId: bigint } {
  return write.kind === 'register' ? write.agent : write;
}

/** Names a connection of an agent among writes. */
export function connectionName(write: AgentWrite): string {
  const { agentId, connectionId } = idsOf(write);
  return `${agentId}:${connectionId}`;
}

/** Best effort: a watch that stays only makes the next transaction begin again. */
async function unwatch(connection: RedisConnection): Promise<void> {
  await connection.call('UNWATCH').catch(() => undefined);
}
