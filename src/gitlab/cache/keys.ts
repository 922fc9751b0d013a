/**
 * Keys of remembered answers (`spec/gitlab.md §1.3`).
 *
 * 1. In memory: SHA-256 over everything the answer depends on, each part with its length, so that parts cannot run into
 *    one another. No secret is kept.
 * 2. In the shared store: exactly the original's form without the configured prefix, which the store puts in front. It
 *    hashes only the first half of a token, so that the store never holds enough to guess the whole. A key is a string
 *    of bytes: one character per byte (`latin1`).
 */
import { createHash, hash } from 'node:crypto';
import type { AuthorizeProxyUserRequest } from '../../ports/index.ts';
import { firstHalf, secretKey } from '../../protocol/index.ts';

export function memoryKey(...parts: readonly string[]): string {
  const [only = ''] = parts;
  if (parts.length === 1) return hash('sha256', only, 'base64');
  return hash('sha256', parts.map((part) => `${part.length}:${part}`).join(), 'base64');
}

export function agentInfoErrorKey(agentToken: string): string {
  return `agent_info_errs:${secretKey(agentToken)}`;
}

export function projectInfoErrorKey(agentToken: string, projectPath: string): string {
  return `project_info_errs:${secretKey(agentToken)}:${bytesOf(projectPath)}`;
}

export function projectAccessErrorKey(agentToken: string, projectPath: string): string {
  return `verify_project_access_errs:${secretKey(agentToken)}:${bytesOf(projectPath)}`;
}

export function allowedAgentsErrorKey(jobToken: string): string {
  return `allowed_agents_errs:${secretKey(jobToken)}`;
}

export function proxyUserErrorKey(request: AuthorizeProxyUserRequest): string {
  const agentId = Buffer.alloc(8);
  agentId.writeBigInt64LE(request.agentId);
  const separator = Buffer.of(11);
  const digest = createHash('sha256')
    .update(agentId)
    .update(request.accessType)
    .update(separator)
    .update(firstHalf(request.accessKey))
    .update(separator)
    .update(request.csrfToken)
    .digest('latin1');
  return `auth_proxy_user_errs:${digest}`;
}

function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
