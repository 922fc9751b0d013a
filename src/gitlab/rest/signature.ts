/**
 * The headers by which GitLab knows who asks (`spec/gitlab.md §0`, `§1.2`): kas by a token it signs, the agent by its own.
 *
 * 1. A fresh JWT per question. The secret is read anew each time: it may be rotated without a restart.
 * 2. The agent's token goes in all three headers, because GitLabs of different age look at different ones.
 * 3. A token that cannot be a header is refused here; it never gets into an error text.
 */
import { signJwt } from '../../protocol/index.ts';
import { restTimes } from './limits.ts';

/** The 32 bytes of `gitlab.authentication_secret_file`; rejects with a text for people when they cannot be had. */
export type ReadSecret = () => Promise<Uint8Array>;

export const kasHeader = 'Gitlab-Kas-Api-Request';
export const agentHeaders = ['Gitlab-Agentk-Api-Request', 'Gitlab-Agent-Api-Request'] as const;

const visible = /^[\x21-\x7e]+$/;

/** Whether a token may travel in a header (3). */
export function isSendable(token: string): boolean {
  return visible.test(token);
}

/** 1. */
export async function signature(secret: ReadSecret, nowMs: number): Promise<readonly string[]> {
  const claims = { issuer: 'gitlab-kas', audience: 'gitlab', nowMs, lifetimeS: restTimes.jwtLifetimeS };
  return [kasHeader, signJwt(claims, await secret())];
}

/** 2. Outside `/internal/kubernetes/` GitLab takes a bearer for a person's token, so it must not be there. */
export function agentCredentials(token: string, withBearer: boolean): readonly string[] {
  return [
    ...(withBearer ? ['Authorization', `Bearer ${token}`] : []),
    ...agentHeaders.flatMap((name) => [name, token]),
  ];
}
