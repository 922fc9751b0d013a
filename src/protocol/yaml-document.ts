/**
 * One YAML document as plain JSON, as kas reads agent configuration files: first document, last of equal keys wins, YAML
 * 1.1 booleans and merge keys as Go's reader has them. Source: spec/gitlab.md §4, spec/kas.md §4.1.
 *
 * 1. The text is hostile: size, depth, aliases and the number of values after writing aliases out are bounded.
 * 2. What JSON has no word for (infinity, not-a-number, binary) is refused with its place.
 */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { boolYaml11Tag, CORE_SCHEMA, loadAll, mergeTag, YAMLException } from 'js-yaml';
import { protocolLimits } from './limits.ts';
import { withLooseFlow } from './loose-flow/index.ts';

/** What reading a document gave. `json` is null for an empty document. */
export type YamlDocument =
  | { readonly kind: 'ok'; readonly json: JsonValue }
  | { readonly kind: 'invalid'; readonly reason: string };

const schema = CORE_SCHEMA.withTags(mergeTag, boolYaml11Tag);
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads the first document of a YAML text (invariants 1 and 2). */
export function readYamlDocument(bytes: Uint8Array): YamlDocument {
  if (bytes.length > protocolLimits.configurationFileBytesMax) {
    return invalid(`file is bigger than ${protocolLimits.configurationFileBytesMax} bytes`);
  }
  const text = decodeText(bytes);
  if (text === undefined) return invalid('file is not valid UTF-8');
  try {
    const [first] = withLooseFlow(text, (each) =>
      loadAll(each, {
        schema,
        json: true,
        maxDepth: protocolLimits.configurationDepthMax,
        maxAliases: protocolLimits.configurationAliasesMax,
      }),
    );
    return { kind: 'ok', json: new Plain().of(first, '', 0) };
  } catch (error) {
    if (error instanceof Refusal) return invalid(error.message);
    if (error instanceof YAMLException) return invalid(`yaml: ${placeOf(error)}${error.reason}`);
    throw error;
  }
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

class Refusal extends Error {}

/** Copies a value into plain JSON, counting (invariant 1). Shared aliases are written out, so a bomb hits the count. */
class Plain {
  #values = 0;

  of(value: unknown, path: string, depth: number): JsonValue {
    this.#values += 1;
    if (this.#values > protocolLimits.configurationValuesMax) {
      throw new Refusal(`more than ${protocolLimits.configurationValuesMax} values`);
    }
    if (depth > protocolLimits.configurationDepthMax) throw new Refusal(`${path}: nested too deeply`);
    if (value === undefined || value === null) return null;
    if (typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) throw new Refusal(`${path}: number is not finite`);
      return value;
    }
    if (Array.isArray(value))
      return value.map((item, index) => this.of(item, `${path}[${index}]`, depth + 1));
    return this.#object(Object(value), path, depth);
  }

  #object(value: object, path: string, depth: number): JsonObject {
    const entries = Object.entries(value).map(([key, item]): [string, JsonValue] => [
      key,
      this.of(item, path === '' ? key : `${path}.${key}`, depth + 1),
    ]);
    return Object.fromEntries(entries);
  }
}

function invalid(reason: string): YamlDocument {
  return { kind: 'invalid', reason };
}

function placeOf(error: YAMLException): string {
  return error.mark === undefined ? '' : `line ${error.mark.line + 1}: `;
}
