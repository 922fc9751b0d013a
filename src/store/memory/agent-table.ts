/**
 * Who is connected, by agent and by project, with an expiry on every entry.
 *
 * 1. The newer incarnation wins: a write or farewell of an older one changes nothing (`spec/users.md` 45).
 * 2. A farewell leaves a tombstone until the entry would have expired, so that a refresh that was already on its way
 *    does not bring a dead connection back.
 * 3. An expired entry counts as absent from the moment it expires, whether or not it was swept.
 * 4. Bounded in total and per agent; expired entries make room first.
 */
import type { ConnectedAgent } from '../../ports/index.ts';
import type { MemoryStoreLimits } from './limits.ts';

interface Entry {
  readonly agent: ConnectedAgent;
  readonly expiresAt: number;
  readonly farewell: boolean;
}

export type RegisterOutcome = 'written' | 'stale' | 'full';

export class AgentTable {
  readonly #limits: MemoryStoreLimits;
  readonly #byAgent = new Map<bigint, Map<bigint, Entry>>();
  readonly #agentsOfProject = new Map<bigint, Set<bigint>>();
  #size = 0;

  constructor(limits: MemoryStoreLimits) {
    this.#limits = limits;
  }

  /** Entries held, tombstones and the not yet swept included. */
  get size(): number {
    return this.#size;
  }

  register(agent: ConnectedAgent, now: number, ttlMs: number): RegisterOutcome {
    const connections = this.#byAgent.get(agent.agentId) ?? new Map<bigint, Entry>();
    const present = connections.get(agent.connectionId);
    if (present !== undefined && present.expiresAt > now && isNewer(present, agent.incarnation))
      return 'stale'; // 1, 2
    if (present === undefined && !this.#room(connections, now)) return 'full'; // 4
    if (present === undefined) this.#size += 1;
    connections.set(agent.connectionId, { agent, expiresAt: now + ttlMs, farewell: false });
    this.#byAgent.set(agent.agentId, connections);
    const ofProject = this.#agentsOfProject.get(agent.projectId) ?? new Set();
    ofProject.add(agent.agentId);
    this.#agentsOfProject.set(agent.projectId, ofProject);
    return 'written';
  }

  unregister(agentId: bigint, connectionId: bigint, incarnation: number): void {
    const connections = this.#byAgent.get(agentId);
    const entry = connections?.get(connectionId);
    if (connections === undefined || entry === undefined || entry.agent.incarnation > incarnation) return; // 1
    const agent = { ...entry.agent, incarnation };
    connections.set(connectionId, { agent, expiresAt: entry.expiresAt, farewell: true }); // 2
  }

  byAgent(agentId: bigint, now: number): ConnectedAgent[] {
    const found: ConnectedAgent[] = [];
    for (const entry of this.#byAgent.get(agentId)?.values() ?? []) {
      if (isLive(entry, now)) found.push(entry.agent);
    }
    return found;
  }

  byProject(projectId: bigint, now: number): ConnectedAgent[] {
    const found: ConnectedAgent[] = [];
    for (const agentId of this.#agentsOfProject.get(projectId) ?? []) {
      // An agent's entry may have moved to another project since; the entry itself knows.
      found.push(...this.byAgent(agentId, now).filter((agent) => agent.projectId === projectId));
    }
    return found;
  }

  /** How many different agents have a live connection. */
  agents(now: number): number {
    let count = 0;
    for (const connections of this.#byAgent.values()) {
      if (connections.values().some((entry) => isLive(entry, now))) count += 1;
    }
    return count;
  }

  sweep(now: number): void {
    for (const [agentId, connections] of this.#byAgent) {
      this.#sweepAgent(connections, now);
      if (connections.size === 0) this.#byAgent.delete(agentId);
    }
    for (const [projectId, agentIds] of this.#agentsOfProject) {
      for (const agentId of agentIds) {
        const connections = this.#byAgent.get(agentId);
        if (connections?.values().some((entry) => entry.agent.projectId === projectId) !== true) {
          agentIds.delete(agentId);
        }
      }
      if (agentIds.size === 0) this.#agentsOfProject.delete(projectId);
    }
  }

  #sweepAgent(connections: Map<bigint, Entry>, now: number): void {
    for (const [connectionId, entry] of connections) {
      if (entry.expiresAt > now) continue;
      connections.delete(connectionId);
      this.#size -= 1;
    }
  }

  #room(connections: Map<bigint, Entry>, now: number): boolean {
    if (connections.size >= this.#limits.connectionsPerAgentMax) this.#sweepAgent(connections, now);
    if (connections.size >= this.#limits.connectionsPerAgentMax) return false;
    return this.#size < this.#limits.connectionsMax;
  }
}

/** A tombstone also refuses its own incarnation: that life is over. */
function isNewer(entry: Entry, incarnation: number): boolean {
  return entry.farewell ? entry.agent.incarnation >= incarnation : entry.agent.incarnation > incarnation;
}

function isLive(entry: Entry, now: number): boolean {
  return !entry.farewell && entry.expiresAt > now;
}
