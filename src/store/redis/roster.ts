/**
 * What this kas has to say about agents in the shared store: its own entries, kept to write them again when the store lost
 * them, and its own farewells, so that nothing of this kas brings a dead connection back.
 *
 * R1. The newer incarnation wins; a farewell also refuses its own incarnation, until the entry would have expired.
 * R2. An entry that was not renewed by its session in time is nobody's and goes.
 * R3. Bounded; expired entries make room first.
 */
import type { ConnectedAgent } from '../../ports/index.ts';

export interface RosterEntry {
  readonly agent: ConnectedAgent;
  readonly ttlMs: number;
  readonly expiresAt: number;
  readonly farewell: boolean;
  /** Redis has taken it. */
  readonly written: boolean;
}

export class Roster {
  readonly #max: number;
  readonly #byAgent = new Map<bigint, Map<bigint, RosterEntry>>();
  #size = 0;
  #unwritten = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** Entries and farewells that Redis has not taken yet. */
  get unwritten(): number {
    return this.#unwritten;
  }

  /** Different agents with an entry that Redis should know. */
  get liveAgents(): number {
    let agents = 0;
    for (const connections of this.#byAgent.values()) {
      if (connections.values().some(({ farewell }) => !farewell)) agents += 1;
    }
    return agents;
  }

  /** Takes note of an agent's entry, if it may be written. */
  register(agent: ConnectedAgent, now: number, ttlMs: number): 'kept' | 'stale' | 'full' {
    const present = this.#find(agent.agentId, agent.connectionId);
    if (present !== undefined && present.expiresAt > now && outlives(present, agent.incarnation)) {
      return 'stale'; // R1
    }
    if (present === undefined && !this.#room(now)) return 'full'; // R3
    this.#put({ agent, ttlMs, expiresAt: now + ttlMs, farewell: false, written: false });
    return 'kept';
  }

  /** Takes note of a farewell; what was never registered here needs none. */
  unregister(agentId: bigint, connectionId: bigint, incarnation: number): void {
    const present = this.#find(agentId, connectionId);
    if (present === undefined || present.agent.incarnation > incarnation) return;
    this.#put({ ...present, agent: { ...present.agent, incarnation }, farewell: true, written: false });
  }

  /** Redis has taken the entry or the farewell of this incarnation. */
  wrote(agentId: bigint, connectionId: bigint, incarnation: number, farewell: boolean): void {
    const present = this.#find(agentId, connectionId);
    if (present?.agent.incarnation !== incarnation || present.farewell !== farewell) return;
    if (!present.written) this.#put({ ...present, written: true });
  }

  /** Another kas has a newer life of it. */
  yield(agentId: bigint, connectionId: bigint, incarnation: number): void {
    const present = this.#find(agentId, connectionId);
    if (present?.agent.incarnation === incarnation) this.#remove(present);
  }

  /** Whether this is still what this kas has to say. */
  holds(entry: RosterEntry): boolean {
    return this.#find(entry.agent.agentId, entry.agent.connectionId) === entry;
  }

  all(): RosterEntry[] {
    return [...this.#byAgent.values()].flatMap((connections) => [...connections.values()]);
  }

  sweep(now: number): void {
    for (const entry of this.all()) if (entry.expiresAt <= now) this.#remove(entry); // R2
  }

  #find(agentId: bigint, connectionId: bigint): RosterEntry | undefined {
    return this.#byAgent.get(agentId)?.get(connectionId);
  }

  #put(entry: RosterEntry): void {
    const { agentId, connectionId } = entry.agent;
    const connections = this.#byAgent.get(agentId) ?? new Map<bigint, RosterEntry>();
    const former = connections.get(connectionId);
    if (former === undefined) this.#size += 1;
    this.#unwritten += (entry.written ? 0 : 1) - (former?.written === false ? 1 : 0);
    connections.set(connectionId, entry);
    this.#byAgent.set(agentId, connections);
  }

  #remove({ agent: { agentId, connectionId }, written }: RosterEntry): void {
    const connections = this.#byAgent.get(agentId);
    if (connections?.delete(connectionId) !== true) return;
    this.#size -= 1;
    if (!written) this.#unwritten -= 1;
    if (connections.size === 0) this.#byAgent.delete(agentId);
  }

  #room(now: number): boolean {
    if (this.#size >= this.#max) this.sweep(now);
    return this.#size < this.#max;
  }
}

function outlives(entry: RosterEntry, incarnation: number): boolean {
  return entry.farewell ? entry.agent.incarnation >= incarnation : entry.agent.incarnation > incarnation;
}
