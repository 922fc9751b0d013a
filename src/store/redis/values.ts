/**
 * Values in Redis, as a Go kas writes and reads them (`spec/wire.md §8`, `§2.18`, `§2.11`).
 *
 * V1. What cannot be decoded is nobody's: it is skipped and counted by the reader, never thrown.
 * V2. The incarnation stands in a field of `ExpiringValue` that Go does not know and therefore reads past. An entry that a
 *     Go kas wrote has none, which makes it older than all of ours.
 */
import { create } from '@bufbuild/protobuf';
import { anyIs, anyPack, anyUnpack, AnySchema, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { ConnectedAgent, PushEvent, SharedError } from '../../ports/index.ts';
import {
  ClientErrorSchema,
  ConnectedAgentInfoSchema,
  decode,
  encode,
  ExpiringValueSchema,
  GitPushEventSchema,
  validate,
} from '../../protocol/index.ts';
import { redisLimits } from './limits.ts';

export interface StoredEntry {
  /** Unix seconds. */
  readonly expiresAtS: number;
  readonly incarnation: number;
  /** Absent in hashes whose fields say it all. */
  readonly agent: ConnectedAgent | undefined;
}

/** Go counts an entry as expired from the second after its last one on. */
export function hasExpired(entry: { readonly expiresAtS: number }, nowMs: number): boolean {
  return entry.expiresAtS < Math.floor(nowMs / 1_000);
}

export function encodeExpiry(expiresAtMs: number): Buffer {
  return encode(ExpiringValueSchema, create(ExpiringValueSchema, { expiresAt: seconds(expiresAtMs) }));
}

export function encodeAgent(agent: ConnectedAgent, expiresAtMs: number): Buffer {
  const info = create(ConnectedAgentInfoSchema, {
    agentMeta: {
      version: agent.version,
      commitId: agent.commitId,
      podNamespace: agent.podNamespace,
      podName: agent.podName,
      kubernetesVersion: agent.kubernetes,
    },
    connectedAt: timestampFromMs(agent.connectedAt),
    connectionId: agent.connectionId,
    agentId: agent.agentId,
    projectId: agent.projectId,
  });
  const entry = create(ExpiringValueSchema, {
    expiresAt: seconds(expiresAtMs),
    value: encode(ConnectedAgentInfoSchema, info),
    incarnation: BigInt(agent.incarnation), // V2
  });
  return encode(ExpiringValueSchema, entry);
}

/** An entry of any of the expiring hashes. */
export function decodeEntry(bytes: Buffer): StoredEntry | undefined {
  if (bytes.length > redisLimits.entryBytesMax) return undefined;
  return orUndefined(() => {
    const { expiresAt, value, incarnation } = decode(ExpiringValueSchema, bytes);
    const kept = { expiresAtS: Number(expiresAt), incarnation: Number(incarnation) };
    return { ...kept, agent: value.length === 0 ? undefined : decodeAgent(value, kept.incarnation) };
  });
}

function decodeAgent(bytes: Uint8Array, incarnation: number): ConnectedAgent {
  const { agentMeta, connectedAt, connectionId, agentId, projectId } = decode(
    ConnectedAgentInfoSchema,
    bytes,
  );
  const version = agentMeta?.kubernetesVersion;
  return {
    agentId,
    projectId,
    connectionId,
    connectedAt: connectedAt === undefined ? 0 : timestampMs(connectedAt),
    version: agentMeta?.version ?? '',
    commitId: agentMeta?.commitId ?? '',
    podNamespace: agentMeta?.podNamespace ?? '',
    podName: agentMeta?.podName ?? '',
    kubernetes: {
      major: version?.major ?? '',
      minor: version?.minor ?? '',
      gitVersion: version?.gitVersion ?? '',
      platform: version?.platform ?? '',
    },
    incarnation,
  };
}

export function encodeRefusal({ statusCode, path = '', reason }: SharedError): Buffer {
  const error = create(ClientErrorSchema, { statusCode, path, reason });
  return encode(AnySchema, anyPack(ClientErrorSchema, error));
}

export function decodeRefusal(bytes: Buffer): SharedError | undefined {
  if (bytes.length > redisLimits.entryBytesMax) return undefined;
  return orUndefined(() => {
    const any = decode(AnySchema, bytes);
    if (!anyIs(any, ClientErrorSchema)) return undefined;
    const error = anyUnpack(any, ClientErrorSchema);
    if (error === undefined) return undefined;
    const { statusCode, path, reason } = error;
    return { statusCode, reason, ...(path === '' ? {} : { path }) };
  });
}

export function encodePushEvent({ projectId, projectPath }: PushEvent): Buffer {
  const event = create(GitPushEventSchema, { project: { id: projectId, fullPath: projectPath } });
  return encode(AnySchema, anyPack(GitPushEventSchema, event));
}

export function decodePushEvent(bytes: Buffer): PushEvent | undefined {
  if (bytes.length > redisLimits.eventBytesMax) return undefined;
  return orUndefined(() => {
    const any = decode(AnySchema, bytes);
    if (!anyIs(any, GitPushEventSchema)) return undefined;
    const event = anyUnpack(any, GitPushEventSchema);
    if (event?.project === undefined || validate(GitPushEventSchema, event) !== undefined) return undefined;
    return { projectId: event.project.id, projectPath: event.project.fullPath };
  });
}

function seconds(ms: number): bigint {
  return BigInt(Math.floor(ms / 1_000));
}

function orUndefined<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch {
    return undefined; // V1
  }
}
