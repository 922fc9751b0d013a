/**
 * The form of the directory file, and the words for every way to miss it. Only the form: what must fit together is
 * checked in `directory.ts`.
 */
import { z } from 'zod';
import type { Problem } from './directory-error.ts';
import { embeddedLimits } from './limits.ts';
import { isTrustedHost } from './repository-location.ts';
import { tokenHashPattern } from './tokens.ts';

export const roles = ['guest', 'reporter', 'developer', 'maintainer', 'owner'] as const;
export type Role = (typeof roles)[number];

const id = z
  .int({ error: 'must be a whole number above 0' })
  .positive({ error: 'must be a whole number above 0' });
const pathRule =
  'must be a full path like group/project: parts of letters, digits, "_", "-" and ".", joined by "/", no slash at the ends';
const fullPath = z
  .string({ error: pathRule })
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/, {
    error: pathRule,
  });
const agentNameRule =
  'must be 1 to 63 lower-case letters, digits and "-", and neither begin nor end with "-"';
const agentName = z
  .string({ error: agentNameRule })
  .max(63, { error: agentNameRule })
  .regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, { error: agentNameRule });
// The value itself is never repeated: it may be a token written here by mistake.
const tokenHashRule =
  'must be "sha256:" and the 64 lower-case hexadecimal digits of the SHA-256 of the token, not the token itself';
const tokenHash = z.string({ error: tokenHashRule }).regex(tokenHashPattern, { error: tokenHashRule });
const countRule = `must hold 1 to ${embeddedLimits.tokenHashesMax} hashes: one in use and another while you rotate`;
const tokenHashes = z
  .array(tokenHash, { error: 'must be a list of token hashes' })
  .min(1, { error: countRule })
  .max(embeddedLimits.tokenHashesMax, { error: countRule });
const text = z.string({ error: 'must be a text' }).min(1, { error: 'must not be empty' });
const branchRule = 'must be the short name of a branch, like main';
const branch = z
  .string({ error: branchRule })
  .regex(/^(?!refs\/|-|\/|\.)(?!.*(?:\.\.|\/\/|@\{|\.lock$|\/$|\.$))[^\s~^:?*[\\\p{Cc}]+$/u, {
    error: branchRule,
  });
const role = z.enum(roles, { error: `must be one of ${roles.join(', ')}` });
const trustedHostRule = 'must be a host name, an IP address, or a network like 10.0.0.0/8';
const trustedHost = z.string({ error: trustedHostRule }).refine(isTrustedHost, { error: trustedHostRule });
const membership = z.strictObject({ id, role });

function list<T extends z.ZodType>(item: T): z.ZodArray<T> {
  return z.array(item, { error: 'must be a list; write [] for none' });
}

const fileSchema = z.strictObject(
  {
    agents: list(z.strictObject({ id, name: agentName, project: fullPath, token_hashes: tokenHashes })),
    projects: list(
      z.strictObject({
        id,
        path: fullPath,
        repository: text,
        credentials_file: text.optional(),
        default_branch: branch.default('main'),
        groups: list(id).default([]),
        public: z.boolean({ error: 'must be true or false' }).default(false),
      }),
    ),
    users: list(
      z.strictObject({
        id,
        username: text,
        token_hashes: tokenHashes,
        projects: list(membership).default([]),
        groups: list(membership).default([]),
      }),
    ).default([]),
    groups: list(z.strictObject({ id, path: fullPath })).default([]),
    jobs: list(
      z.strictObject({
        token_hash: tokenHash,
        id,
        pipeline: id,
        project: fullPath,
        user: text,
        environment: z.strictObject({ name: text.optional(), slug: text, tier: text }).optional(),
      }),
    ).default([]),
    /** Where remotes may be although the address is private, be asked without TLS, and be redirected to. */
    trusted_hosts: list(trustedHost).max(embeddedLimits.trustedHostsMax).default([]),
    /** Whether an agent may be opened to projects and groups outside its own top-level group. GitLab's default: no. */
    grants_across_namespaces: z.boolean({ error: 'must be true or false' }).default(false),
  },
  { error: 'must be a map with the lists agents and projects' },
);

export type DirectoryFile = z.infer<typeof fileSchema>;

export type FormOutcome =
  | { readonly kind: 'ok'; readonly file: DirectoryFile }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Checks the form of a parsed YAML document. */
export function checkForm(document: unknown): FormOutcome {
  // The input is only used to tell "missing" from "wrong"; it never gets into a text.
  const parsed = fileSchema.safeParse(document, { reportInput: true });
  if (parsed.success) return { kind: 'ok', file: parsed.data };
  return { kind: 'invalid', problems: parsed.error.issues.flatMap(problemsOf) };
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const path = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: path === '' ? key : `${path}.${key}`,
      text: 'unknown key; remove it or mend its spelling',
    }));
  }
  const missing = issue.input === undefined && issue.code === 'invalid_type';
  return [{ path, text: missing ? `is missing; it ${issue.message}` : issue.message }];
}

/** `agents[0].name` */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}
