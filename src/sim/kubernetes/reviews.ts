/** The reviews: questions about access and identity that are answered and never stored. */
import { at, isObject, objectAt, stringListAt, textAt, type JsonObject } from './json.ts';
import type { Kind } from './kinds.ts';
import type { TokenUser } from './identity.ts';
import { denialText, isAllowed, rulesFor, type Attributes, type Identity } from './rbac.ts';
import { badRequest, Refusal } from './refusal.ts';
import type { Store } from './store.ts';

export interface ReviewDeps {
  readonly store: Store;
  readonly tokens: ReadonlyMap<string, TokenUser>;
}

function attributesOf(spec: unknown): Attributes | undefined {
  const resource = at(spec, 'resourceAttributes');
  if (isObject(resource)) {
    return {
      kind: 'resource',
      verb: textAt(resource, 'verb'),
      group: textAt(resource, 'group'),
      resource: textAt(resource, 'resource'),
      subresource: textAt(resource, 'subresource'),
      namespace: textAt(resource, 'namespace'),
      name: textAt(resource, 'name'),
    };
  }
  const path = at(spec, 'nonResourceAttributes');
  return isObject(path)
    ? { kind: 'path', verb: textAt(path, 'verb'), path: textAt(path, 'path') }
    : undefined;
}

function access(store: Store, identity: Identity, spec: unknown): JsonObject | Refusal {
  const asked = attributesOf(spec);
  if (asked === undefined)
    return badRequest('exactly one of resourceAttributes or nonResourceAttributes is required');
  const allowed = isAllowed(store, identity, asked);
  return allowed ? { allowed } : { allowed, reason: denialText(identity, asked) };
}

function rules(store: Store, identity: Identity, namespace: string): JsonObject {
  const masters = identity.groups.includes('system:masters');
  const all = masters
    ? [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ]
    : rulesFor(store, identity, namespace);
  const paths = all.filter((rule) => at(rule, 'nonResourceURLs') !== undefined);
  return {
    resourceRules: all.filter((rule) => at(rule, 'nonResourceURLs') === undefined),
    nonResourceRules: paths,
    incomplete: false,
  };
}

function shownUser(identity: Identity): JsonObject {
  return {
    username: identity.username,
    ...(identity.uid === '' ? {} : { uid: identity.uid }),
    groups: identity.groups,
    ...(Object.keys(identity.extra).length === 0 ? {} : { extra: identity.extra }),
  };
}

/** The status of one review, or why there is none. */
function verdict(kind: Kind, caller: Identity, spec: unknown, deps: ReviewDeps): JsonObject | Refusal {
  switch (kind.kind) {
    case 'SelfSubjectReview':
      return { userInfo: shownUser(caller) };
    case 'SelfSubjectAccessReview':
      return access(deps.store, caller, spec);
    case 'SelfSubjectRulesReview':
      return rules(deps.store, caller, textAt(spec, 'namespace'));
    case 'SubjectAccessReview': {
      const subject = {
        username: textAt(spec, 'user'),
        uid: '',
        groups: stringListAt(spec, 'groups'),
        extra: {},
      };
      return access(deps.store, subject, spec);
    }
    default: {
      const user = deps.tokens.get(textAt(spec, 'token'));
      if (user === undefined) return { user: {}, error: 'invalid bearer token' };
      return {
        authenticated: true,
        user: { username: user.username, uid: user.username, groups: user.groups },
      };
    }
  }
}

export function review(
  kind: Kind,
  caller: Identity,
  body: JsonObject,
  deps: ReviewDeps,
): JsonObject | Refusal {
  const status = verdict(kind, caller, body['spec'], deps);
  if (status instanceof Refusal) return status;
  return {
    kind: kind.kind,
    apiVersion: `${kind.group}/${kind.version}`,
    metadata: { creationTimestamp: null },
    spec: objectAt(body, 'spec'),
    status,
  };
}
