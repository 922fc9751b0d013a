/**
 * Who an agent's configuration file opens the agent to: its `ci_access` and `user_access` sections as GitLab keeps them
 * after a report (`spec/gitlab.md §4`).
 *
 * 1. Of projects and groups the first 500 each count; a path listed twice counts as listed last.
 * 2. `access_as` of an entry must be understood: an entry with a kind we do not know grants nothing.
 */
import { z } from 'zod';
import type { CiAccessAs } from '../../ports/index.ts';
import { pathKey } from './directory.ts';
import { embeddedLimits } from './limits.ts';

export interface CiGrant {
  readonly defaultNamespace: string;
  readonly accessAs: CiAccessAs;
  /** Names or patterns; absent means any job, with or without an environment. */
  readonly environments?: readonly string[];
}

export interface UserAccess {
  /** Absent when the section does not say it in a way we know: then nobody gets in. */
  readonly accessAs: 'agent' | 'user' | undefined;
  /** Keys of paths. */
  readonly projects: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
}

export interface AccessRules {
  /** By key of the path. */
  readonly ciProjects: ReadonlyMap<string, CiGrant>;
  readonly ciGroups: ReadonlyMap<string, CiGrant>;
  readonly userAccess: UserAccess | undefined;
}

/** The rules of an empty or missing configuration file. */
export const noRules: AccessRules = { ciProjects: new Map(), ciGroups: new Map(), userAccess: undefined };

const impersonate = z.object({
  username: z.string(),
  uid: z.string().default(''),
  groups: z.array(z.string()).default([]),
  extra: z.array(z.object({ key: z.string(), val: z.array(z.string()) })).default([]),
});
const ciAccessAs = z.union([
  z.strictObject({ agent: z.object({}) }),
  z.strictObject({ ci_job: z.object({}) }),
  z.strictObject({ impersonate }),
]);
const ciEntry = z.object({
  id: z.string(),
  default_namespace: z.string().default(''),
  access_as: ciAccessAs.optional(),
  environments: z.array(z.string()).optional(),
});
const target = z.object({ id: z.string() });
const userAccessAs = z.union([
  z.strictObject({ agent: z.object({}) }),
  z.strictObject({ user: z.object({}) }),
]);
const sections = z.object({
  ci_access: z
    .object({ projects: z.array(z.unknown()).default([]), groups: z.array(z.unknown()).default([]) })
    .optional(),
  user_access: z
    .object({
      access_as: z.unknown().optional(),
      projects: z.array(target).default([]),
      groups: z.array(target).default([]),
    })
    .optional(),
});

/**
 * Reads the rules from the protojson object of a checked configuration file; undefined when the object has not the form
 * a checked file has.
 */
export function readAccessRules(configurationJson: object): AccessRules | undefined {
  const parsed = sections.safeParse(configurationJson);
  if (!parsed.success) return undefined;
  const { ci_access: ci, user_access: user } = parsed.data;
  return {
    ciProjects: grants(ci?.projects ?? []),
    ciGroups: grants(ci?.groups ?? []),
    userAccess: user && {
      accessAs: userKind(user.access_as),
      projects: targets(user.projects),
      groups: targets(user.groups),
    },
  };
}

function grants(entries: readonly unknown[]): Map<string, CiGrant> {
  const found = new Map<string, CiGrant>();
  for (const entry of entries.slice(0, embeddedLimits.grantsMax)) {
    const parsed = ciEntry.safeParse(entry);
    if (!parsed.success) continue; // 2
    const { id, default_namespace, access_as, environments } = parsed.data;
    found.set(pathKey(id), {
      defaultNamespace: default_namespace,
      accessAs: ciKind(access_as),
      ...(environments === undefined ? {} : { environments }),
    });
  }
  return found;
}

function ciKind(accessAs: z.infer<typeof ciAccessAs> | undefined): CiAccessAs {
  if (accessAs === undefined || 'agent' in accessAs) return { kind: 'agent' };
  if ('ci_job' in accessAs) return { kind: 'ciJob' };
  return { kind: 'impersonate', ...accessAs.impersonate };
}

function userKind(accessAs: unknown): UserAccess['accessAs'] {
  const parsed = userAccessAs.safeParse(accessAs);
  if (!parsed.success) return undefined;
  return 'agent' in parsed.data ? 'agent' : 'user';
}

function targets(entries: readonly { readonly id: string }[]): Set<string> {
  return new Set(entries.slice(0, embeddedLimits.grantsMax).map(({ id }) => pathKey(id)));
}
