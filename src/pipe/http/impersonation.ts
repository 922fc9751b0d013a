/**
 * Who a request acts as: agentk's own configuration, what kas sent along, or what the client asked for; at most one of
 * them. Source: spec/agentk.md §4.3.
 */
import { decodeFromPeer, KubernetesHeaderExtraSchema } from '../../protocol/index.ts';
import type { AnyBytes } from '../../protocol/index.ts';
import type { ApiTarget, Impersonation } from './api-target.ts';

/** Headers to add, or why the request cannot be made. */
export type ImpersonationHeaders =
  | { readonly kind: 'headers'; readonly pairs: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string };

const none: ImpersonationHeaders = { kind: 'headers', pairs: [] };
const nested: ImpersonationHeaders = {
  kind: 'refused',
  reason: 'nested impersonation is not supported - agent is already configured to impersonate an identity',
};
const extraType = 'gitlab.agent.kubernetes_api.rpc.HeaderExtra';

/** True for a request header that asks to act as somebody. Takes the lower-case name. */
export function asksToImpersonate(lowerName: string): boolean {
  if (!lowerName.startsWith('impersonate-')) return false;
  const what = lowerName.slice('impersonate-'.length);
  return what === 'user' || what === 'uid' || what === 'group' || what.startsWith('extra-');
}

/** Decides and gives the headers to add. */
export function impersonationHeaders(
  own: Impersonation | undefined,
  extra: AnyBytes | undefined,
  requested: boolean,
): ImpersonationHeaders {
  const agent = own !== undefined && notices(own) ? own : undefined;
  let sent: Impersonation | undefined;
  if (extra !== undefined) {
    const unpacked = unpack(extra);
    if (typeof unpacked === 'string') return { kind: 'refused', reason: unpacked };
    sent = unpacked;
  }
  if (Number(agent !== undefined) + Number(sent !== undefined) + Number(requested) > 1) return nested;
  const identity = agent ?? sent;
  return identity === undefined ? none : { kind: 'headers', pairs: headersOf(identity) };
}

/** The headers of a call that agentk makes for itself: its configured identity and nothing else. */
export function ownImpersonation({ impersonation }: Pick<ApiTarget, 'impersonation'>): readonly string[] {
  return impersonation !== undefined && notices(impersonation) ? headersOf(impersonation) : [];
}

/** A lone uid is not noticed, as in client-go. */
function notices(identity: Impersonation): boolean {
  return identity.username !== '' || identity.groups.length > 0 || identity.extra.length > 0;
}

/** The identity in HeaderExtra, undefined when it has none, a text when the extra is not what it should be. */
function unpack(extra: AnyBytes): Impersonation | undefined | string {
  const slash = extra.typeUrl.lastIndexOf('/');
  if (extra.typeUrl.slice(slash + 1) !== extraType) {
    return `mismatched message type: got "${extraType}" want "${extra.typeUrl.slice(slash + 1, slash + 257)}"`;
  }
  const decoded = decodeFromPeer(KubernetesHeaderExtraSchema, extra.value);
  if (decoded.kind === 'malformed') return decoded.status.message;
  const config = decoded.message.impConfig;
  if (config === undefined) return undefined;
  const { username, uid, groups } = config;
  const keys = config.extra.map(({ key, val }) => ({ key, values: val }));
  const empty = username === '' && uid === '' && groups.length === 0 && keys.length === 0;
  return empty ? undefined : { username, uid, groups, extra: keys };
}

function headersOf(identity: Impersonation): string[] {
  const pairs = ['Impersonate-User', identity.username];
  if (identity.uid !== '') pairs.push('Impersonate-Uid', identity.uid);
  for (const group of identity.groups) pairs.push('Impersonate-Group', group);
  for (const { key, values } of identity.extra) {
    const name = `Impersonate-Extra-${escapeKey(key)}`;
    for (const value of values) pairs.push(name, value);
  }
  return pairs;
}

const tokenByte = /[!#$&'*+\-.^_`|~0-9A-Za-z]/;

/** Every byte that is not a token character, and `%`, as `%XX`. */
function escapeKey(key: string): string {
  let escaped = '';
  for (const byte of Buffer.from(key, 'utf8')) {
    const character = String.fromCharCode(byte);
    escaped += tokenByte.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return escaped;
}
