/**
 * Connected agents in Redis, as this kas sees and tells them (`spec/kas.md §4.7`). The sessions say what to write and
 * when; what Redis could not take or has lost is written again from the roster.
 *
 * A1. A newer life is never overwritten by an older one, of this kas (roster) or of another (transaction).
 * A2. Writing again never makes an entry live longer than its session said.
 * A3. Reads ask Redis, never the roster: what this kas knows is not what all kas know.
 */
import type { Clock, ConnectedAgent, Log } from '../../ports/index.ts';
import type { RedisConnection } from './connection.ts';
import { readHash, removeExpired } from './expiring-hash.ts';
import { StoreFailure } from './failure.ts';
import type { CallJournal } from './journal.ts';
import type { RedisKeys } from './keys.ts';
import { redisLimits } from './limits.ts';
import { Roster, type RosterEntry } from './roster.ts';
import type { AgentWrite, WriteOutcome } from './agent-transaction.ts';
import type { WriteLane } from './write-lane.ts';

export interface AgentDirectoryDeps {
  readonly borrow: () => RedisConnection;
  readonly lane: WriteLane;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly log: Log;
  readonly journal: CallJournal;
}

export class AgentDirectory {
  readonly #deps: AgentDirectoryDeps;
  readonly #roster = new Roster(redisLimits.rosterMax);
  #removals = 0;

  constructor(deps: AgentDirectoryDeps) {
    this.#deps = deps;
  }

  /** Entries and farewells this kas keeps. */
  get kept(): number {
    return this.#roster.size;
  }

  async register(agent: ConnectedAgent, ttlMs: number): Promise<boolean> {
    const { clock, journal } = this.#deps;
    const now = clock.now();
    const kept = this.#roster.register(agent, now, ttlMs);
    if (kept === 'full') journal.overflow('roster');
    if (kept !== 'kept') return false; // A1
    return this.#register({ kind: 'register', agent, expiresAt: now + ttlMs, ttlMs });
  }

  async unregister(agentId: bigint, connectionId: bigint, incarnation: number): Promise<void> {
    this.#roster.unregister(agentId, connectionId, incarnation);
    await this.#farewell({ kind: 'farewell', agentId, connectionId, incarnation });
  }

  ofAgent(agentId: bigint): Promise<readonly ConnectedAgent[]> {
    return this.#read(this.#deps.keys.connectionsOfAgent(agentId));
  }

  ofProject(projectId: bigint): Promise<readonly ConnectedAgent[]> {
    return this.#read(this.#deps.keys.connectionsOfProject(projectId));
  }

  count(): Promise<number> {
    const { borrow, journal, keys } = this.#deps;
    return journal.told('count_agents', async () =>
      Number(await borrow().call('HLEN', keys.connectedAgents)),
    );
  }

  /** Whether Redis lacks something this kas said, given how many agents Redis counts. */
  isMissing(connectedAgents: number): boolean {
    const { clock, lane } = this.#deps;
    if (!lane.idle) return false; // it may be on its way
    this.#roster.sweep(clock.now());
    return this.#roster.unwritten > 0 || connectedAgents < this.#roster.liveAgents;
  }

  /** Writes what Redis has not taken; all of it when Redis has lost what it had. */
  async restore(connectedAgents: number): Promise<void> {
    const { clock, log } = this.#deps;
    const now = clock.now();
    this.#roster.sweep(now);
    const lost = connectedAgents < this.#roster.liveAgents;
    const entries = this.#roster.all().filter((entry) => lost || !entry.written);
    const { writesPerTransactionMax: size } = redisLimits;
    for (let start = 0; start < entries.length; start += size) {
      await Promise.all(entries.slice(start, start + size).map((entry) => this.#again(entry)));
    }
    log.info('Entries of agents were written to Redis again', { entries: entries.length, lost });
  }

  /** Takes away what has expired, in the hashes this kas has entries in (`spec/kas.md §4.7`). */
  async sweep(signal: AbortSignal): Promise<void> {
    const { keys, clock, log } = this.#deps;
    this.#roster.sweep(clock.now());
    const hashes = new Map<string, Buffer>([['', keys.connectedAgents]]);
    for (const { agent } of this.#roster.all()) {
      for (const key of [
        keys.connectionsOfAgent(agent.agentId),
        keys.connectionsOfProject(agent.projectId),
      ]) {
        hashes.set(key.toString('latin1'), key);
      }
    }
    let removed = 0;
    for (const key of hashes.values()) {
      if (signal.aborted) break;
      const { removable } = await this.#contents(key);
      if (removable.length > 0) removed += await this.#remove(key, removable);
    }
    if (removed > 0) log.info('Deleted expired agent connections records', { removed });
  }

  async #again(entry: RosterEntry): Promise<void> {
    // Its session may have said something newer since, which is on the lane before us.
    if (!this.#roster.holds(entry)) return;
    const { agent, ttlMs, expiresAt, farewell } = entry;
    const { agentId, connectionId, incarnation } = agent;
    if (farewell) await this.#farewell({ kind: 'farewell', agentId, connectionId, incarnation });
    else await this.#register({ kind: 'register', agent, ttlMs, expiresAt }); // A2
  }

  async #register(write: Extract<AgentWrite, { kind: 'register' }>): Promise<boolean> {
    const { agentId, connectionId, incarnation } = write.agent;
    const outcome = await this.#write('register_agent', write);
    if (outcome === 'written') this.#roster.wrote(agentId, connectionId, incarnation, false);
    else this.#roster.yield(agentId, connectionId, incarnation); // A1
    if (outcome === 'full') this.#deps.journal.overflow('connections_per_agent');
    return outcome === 'written';
  }

  async #farewell(write: Extract<AgentWrite, { kind: 'farewell' }>): Promise<void> {
    await this.#write('unregister_agent', write);
    this.#roster.wrote(write.agentId, write.connectionId, write.incarnation, true);
  }

  #write(call: 'register_agent' | 'unregister_agent', write: AgentWrite): Promise<WriteOutcome> {
    return this.#deps.journal.told(call, () => this.#deps.lane.write(write));
  }

  #read(key: Buffer): Promise<readonly ConnectedAgent[]> {
    return this.#deps.journal.told('read_agents', async () => {
      const { entries, removable } = await this.#contents(key);
      if (removable.length > 0) this.#removeLater(key, removable);
      return entries.flatMap(({ agent }) => (agent === undefined ? [] : [agent])).sort(byIds);
    });
  }

  async #contents(key: Buffer) {
    const { borrow, clock, journal } = this.#deps;
    const contents = await readHash(borrow(), key, clock.now());
    for (let told = 0; told < contents.undecodable; told++) journal.undecodable('entry');
    if (contents.truncated) journal.overflow('entries_read');
    return contents;
  }

  /** Not waited for: the reader has what he came for. */
  #removeLater(key: Buffer, fields: readonly string[]): void {
    if (this.#removals >= redisLimits.removalsPendingMax) return;
    this.#removals++;
    this.#remove(key, fields)
      .catch((error: unknown) => {
        if (!(error instanceof StoreFailure)) throw error;
      })
      .finally(() => this.#removals--);
  }

  #remove(key: Buffer, fields: readonly string[]): Promise<number> {
    const { journal, lane, clock } = this.#deps;
    return journal.told('remove_expired', () =>
      lane.exclusive((connection) => removeExpired(connection, key, fields, clock.now())),
    );
  }
}

/** A hash has no order of its own. */
function byIds(a: ConnectedAgent, b: ConnectedAgent): number {
  const [first, second] = a.agentId === b.agentId ? [a.connectionId, b.connectionId] : [a.agentId, b.agentId];
  return first < second ? -1 : first > second ? 1 : 0;
}
