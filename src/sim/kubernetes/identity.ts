/**
 * Who a request comes from: bearer tokens, and impersonation by those who may.
 *
 * I1. A request without a known token is refused; there is no anonymous user.
 * I2. Impersonation needs the `impersonate` right for every user, group, uid and extra value asked for.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isAllowed, denialText, type Attributes, type Identity } from './rbac.ts';
import { forbidden, internalError, type Refusal } from './refusal.ts';
import type { Store } from './store.ts';

const authenticated = 'system:authenticated';
const serviceAccountPrefix = 'system:serviceaccount:';

export interface TokenUser {
  readonly username: string;
  readonly groups: readonly string[];
}

function withAuthenticated(groups: readonly string[]): readonly string[] {
  return groups.includes(authenticated) ? groups : [...groups, authenticated];
}

/** The groups every service account of a namespace is in. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

/** The token of a request. As the password of basic authentication it may stand in a URL, which kubectl sends without TLS. */
function tokenOf(authorization: string): string {
  const bearer = /^bearer\s+(\S+)\s*$/i.exec(authorization);
  if (bearer !== null) return bearer[1] ?? '';
  const basic = /^basic\s+(\S+)\s*$/i.exec(authorization);
  const pair = Buffer.from(basic?.[1] ?? '', 'base64').toString();
  return pair.slice(pair.indexOf(':') + 1);
}

/** The caller by its token (I1); undefined for a stranger. */
export function authenticate(
  tokens: ReadonlyMap<string, TokenUser>,
  headers: IncomingHttpHeaders,
): Identity | undefined {
  const user = tokens.get(tokenOf(headers.authorization ?? ''));
  if (user === undefined) return undefined;
  return { username: user.username, uid: user.username, groups: withAuthenticated(user.groups), extra: {} };
}

interface Wanted {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Record<string, string[]>;
}

/** The impersonation a request's raw headers ask for, if any. Extra keys are lower-cased and percent-decoded. */
function wantedOf(rawHeaders: readonly string[]): Wanted | undefined {
  let username = '';
  let uid = '';
  const groups: string[] = [];
  const extra: Record<string, string[]> = {};
  let asked = false;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    if (!name.startsWith('impersonate-')) continue;
    asked = true;
    if (name === 'impersonate-user') username ||= value;
    else if (name === 'impersonate-uid') uid ||= value;
    else if (name === 'impersonate-group') groups.push(value);
    else if (name.startsWith('impersonate-extra-')) {
      (extra[decoded(name.slice('impersonate-extra-'.length))] ??= []).push(value);
    }
  }
  return asked ? { username, uid, groups, extra } : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const identityGroup = 'authentication.k8s.io';

function rightsFor(wanted: Wanted): readonly Attributes[] {
  const right = (
    group: string,
    resource: string,
    name: string,
    subresource = '',
    namespace = '',
  ): Attributes => ({
    kind: 'resource',
    verb: 'impersonate',
    group,
    resource,
    subresource,
    namespace,
    name,
  });
  const [, , namespace = '', account = ''] = wanted.username.startsWith(serviceAccountPrefix)
    ? wanted.username.split(':')
    : [];
  const user =
    account === ''
      ? right('', 'users', wanted.username)
      : right('', 'serviceaccounts', account, '', namespace);
  return [
    user,
    ...wanted.groups.map((group) => right('', 'groups', group)),
    ...Object.entries(wanted.extra).flatMap(([key, values]) =>
      values.map((value) => right(identityGroup, 'userextras', value, key)),
    ),
    ...(wanted.uid === '' ? [] : [right(identityGroup, 'uids', wanted.uid)]),
  ];
}

function groupsOf(wanted: Wanted): readonly string[] {
  if (wanted.username === 'system:anonymous') {
    return wanted.groups.length > 0 ? wanted.groups : ['system:unauthenticated'];
  }
  const namespace = wanted.username.startsWith(serviceAccountPrefix)
    ? wanted.username.split(':')[2]
    : undefined;
  const base =
    wanted.groups.length === 0 && namespace !== undefined ? serviceAccountGroups(namespace) : wanted.groups;
  return base.includes('system:unauthenticated') ? base : withAuthenticated(base);
}

/** Whom the request acts as: undefined when it does not ask, a refusal when it may not (I2). */
export function impersonated(
  store: Store,
  caller: Identity,
  rawHeaders: readonly string[],
): Identity | Refusal | undefined {
  const wanted = wantedOf(rawHeaders);
  if (wanted === undefined) return undefined;
  if (wanted.username === '')
    return internalError('requested groups, uid or extra without impersonating a user');
  for (const right of rightsFor(wanted)) {
    if (right.kind === 'resource' && !isAllowed(store, caller, right)) {
      return forbidden({ group: right.group, plural: right.resource }, right.name, denialText(caller, right));
    }
  }
  return { username: wanted.username, uid: wanted.uid, groups: groupsOf(wanted), extra: wanted.extra };
}
