/**
 * Names in Redis, byte for byte the originals' (`spec/wire.md §8`). Ids are 8 bytes little-endian and secrets raw digests,
 * so keys are buffers, not text.
 */
const eventsChannel = 'kas_events';

export class RedisKeys {
  /** The one name without the configured prefix. */
  readonly pushEvents = eventsChannel;
  readonly connectedAgents: Buffer;
  readonly #prefix: string;
  readonly #byAgent: Buffer;
  readonly #byProject: Buffer;

  constructor(prefix: string) {
    this.#prefix = `${Buffer.from(prefix, 'utf8').toString('latin1')}:`;
    this.connectedAgents = this.of('agent_tracker2:connected_agents');
    this.#byAgent = this.of('agent_tracker2:conn_by_agent_id:');
    this.#byProject = this.of('agent_tracker2:conn_by_project_id:');
  }

  connectionsOfAgent(agentId: bigint): Buffer {
    return withId(this.#byAgent, agentId);
  }

  connectionsOfProject(projectId: bigint): Buffer {
    return withId(this.#byProject, projectId);
  }

  /** The counter of one token in one minute (0–59) of the hour. */
  quota(tokenKey: string, minute: number): Buffer {
    return this.of(`agent_limit:${tokenKey}:${String.fromCharCode(minute)}`);
  }

  /** A key given as a string of bytes, one character per byte, behind the prefix. */
  of(key: string): Buffer {
    return Buffer.from(this.#prefix + key, 'latin1');
  }
}

function withId(start: Buffer, id: bigint): Buffer {
  const key = Buffer.allocUnsafe(start.length + 8);
  start.copy(key);
  key.writeBigInt64LE(id, start.length);
  return key;
}
