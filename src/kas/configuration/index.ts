/** Reading kas's configuration file: YAML, schema, defaults, and errors that name the path and what to write instead. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { loadAll, YAMLException } from 'js-yaml';
import { kasConfigurationSchema, type KasConfiguration } from './schema.ts';

export type { KasConfiguration } from './schema.ts';

export type ReadConfiguration =
  | { readonly kind: 'ok'; readonly configuration: KasConfiguration; readonly folder: string }
  | { readonly kind: 'invalid'; readonly reason: string };

const configurationBytesMax = 1024 * 1024;

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
    const [first, ...more] = loadAll(text, { json: true });
    if (more.length > 0) return { kind: 'invalid', reason: 'YAMLToJSON: expected a single document' };
    document = withoutNulls(first ?? {});
  } catch (error) {
    const reason = error instanceof YAMLException ? error.toString(true) : String(error);
    return { kind: 'invalid', reason: `YAMLToJSON: ${reason}` };
  }
  const result = kasConfigurationSchema.safeParse(document);
  if (result.success) return { kind: 'ok', configuration: result.data };
  const reasons = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`,
  );
  return { kind: 'invalid', reason: `kascfg.Validate: ${reasons.join('; ')}` };
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
