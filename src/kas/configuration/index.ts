/** Reading kas's configuration file: YAML, schema, defaults, and errors that name the path and what to write instead. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { boolYaml11Tag, CORE_SCHEMA, loadAll, mergeTag, YAMLException } from 'js-yaml';
import type { z } from 'zod';
import { checkConfiguration, extraCheck, type KasConfiguration } from './schema.ts';

export type { KasConfiguration } from './schema.ts';
export { ineffectiveKeys } from './ineffective-keys.ts';

export type ReadConfiguration =
  | { readonly kind: 'ok'; readonly configuration: KasConfiguration; readonly folder: string }
  | { readonly kind: 'invalid'; readonly reason: string };

const configurationBytesMax = 1024 * 1024;
const yaml = { schema: CORE_SCHEMA.withTags(mergeTag, boolYaml11Tag), json: true } as const;

/**
 * Reads and checks a configuration file. Relative paths inside it are relative to its folder, which is answered too.
 */
export async function readConfiguration(path: string): Promise<ReadConfiguration> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return { kind: 'invalid', reason: `configuration file: ${(error as Error).message}` };
  }
  if (text.length > configurationBytesMax) {
    return {
      kind: 'invalid',
      reason: `configuration file: ${path} is larger than ${configurationBytesMax} bytes`,
    };
  }
  const parsed = parseConfiguration(text);
  return parsed.kind === 'ok' ? { ...parsed, folder: dirname(resolve(path)) } : parsed;
}

/** The same for a text, e.g. in tests and in `kastor start`. */
export function parseConfiguration(
  text: string,
): { kind: 'ok'; configuration: KasConfiguration } | { kind: 'invalid'; reason: string } {
  let document: unknown;
  try {
    const [first, ...more] = loadAll(text, yaml);
    if (more.some((one) => one !== null && one !== undefined))
      return { kind: 'invalid', reason: 'YAMLToJSON: expected a single document' };
    document = withoutNulls(first ?? {});
  } catch (error) {
    const reason = error instanceof YAMLException ? error.toString(true) : String(error);
    return { kind: 'invalid', reason: `YAMLToJSON: ${reason}` };
  }
  const result = checkConfiguration(document);
  if (result.success) return { kind: 'ok', configuration: result.data };
  return { kind: 'invalid', reason: reasonOf(result.error.issues) };
}

/** All problems at once, grouped under the prefixes of the originals (`spec/kas.md §2.1`); those of defaults come last. */
function reasonOf(issues: readonly z.core.$ZodIssue[]): string {
  const groups = new Map<string, string[]>([
    ['protojson.Unmarshal', []],
    ['kascfg.Validate', []],
  ]);
  const extra: string[] = [];
  for (const issue of issues) {
    const where = issue.path.join('.') || 'the file';
    const group = groups.get(prefixOf(issue)) ?? extra;
    group.push(`${where}: ${issue.message}`);
  }
  const found = [...groups].filter(([, problems]) => problems.length > 0);
  return (found.length > 0 ? found : [['kascfg.ValidateExtra', extra] as const])
    .map(([prefix, problems]) => `${prefix}: ${problems.join('; ')}`)
    .join('; ');
}

function prefixOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'custom') return 'protojson.Unmarshal';
  return issue.params === extraCheck ? '' : 'kascfg.Validate';
}

/** A key without a value is a key that is not there, as in protobuf JSON: a section whose lines are all comments. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inside]) =>
      inside === null ? [] : [[key, withoutNulls(inside)] as const],
    ),
  );
}
