/**
 * Values in Redis, as a Go kas writes and reads them (`spec/wire.md §8`, `§2.18`, `§2.11`).
 *
 * V1. What cannot be decoded is nobody's: it is skipped and counted by the reader, never thrown.
 * V2. The incarnation stands in a field of `ExpiringValue` that Go does not know and therefore reads past. An entry that a
 *     Go kas wrote has none, which makes it older than all of ours.
 */
import { create } from '@bufbuild/protobuf';
import { anyIs, anyPack, anyUnpack, AnySchema, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { ConnectedAgent, PushEvent, SharedErrors } from '../../ports/index.ts';
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

type Refusal = Parameters<SharedErrors['set']>[1];

/** Paths of GitLab's API by the kind of question, which a Go kas names when it tells of a remembered error. */
const pathOfQuestion: Readonly<Record<string, string>> = {
  agent_info_errs: '/api/v4/internal/kubernetes/agent_info',
  project_info_errs: '/api/v4/internal/kubernetes/project_info',
  verify_project_access_errs: '/api/v4/internal/kubernetes/verify_project_access',
  allowed_agents_errs: '/api/v4/job/allowed_agents',
  auth_proxy_user_errs: '/api/v4/internal/kubernetes/authorize_proxy_user',
};

export function encodeRefusal(key: string, { statusCode, reason }: Refusal): Buffer {
  const path = pathOfQuestion[key.slice(0, key.indexOf(':'))] ?? '';
  const error = create(ClientErrorSchema, { statusCode, path, reason });
  return encode(AnySchema, anyPack(ClientErrorSchema, error));
}

export function decodeRefusal(bytes: Buffer): Refusal | undefined {
  if (bytes.length > redisLimits.entryBytesMax) return undefined;
  return orUndefined(() => {
    const any = decode(AnySchema, bytes);
    if (!anyIs(any, ClientErrorSchema)) return undefined;
    const error = anyUnpack(any, ClientErrorSchema);
    return error && { statusCode: error.statusCode, reason: error.reason };
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
