/**
 * One file to Kubernetes objects, by the rules of `spec/agentk.md §5.4`: JSON or YAML is decided once per file, blank and
 * `null` documents are skipped, a top-level `items` makes a list, and every object must have a kind. A fault in one
 * document does not stop the others, so that a person sees all of them at once.
 *
 * 1. Messages quote no value: manifests hold secrets.
 */
import { readGoYaml, YamlFault } from './go-yaml.ts';
import { jsonDocuments, Place } from './json-documents.ts';
import { manifestLimits } from './limits.ts';
import { parseLosslessJson, type LosslessJson } from './lossless-json.ts';
import type { Manifest, ManifestFault, ManifestFile } from './manifest.ts';
import { yamlDocuments } from './yaml-documents.ts';

/** What one file gave. */
export interface FileContents {
  readonly manifests: Manifest[];
  readonly faults: ManifestFault[];
  readonly warnings: ManifestFault[];
}

type Keyed = { readonly [key: string]: LosslessJson };
interface Where {
  readonly file: string;
  readonly document: number;
  readonly line: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads everything a file holds; never throws for what the file says. */
export function readManifestFile(file: ManifestFile): FileContents {
  const contents: FileContents = { manifests: [], faults: [], warnings: [] };
  const reader = new FileReader(file.name, contents);
  let text: string;
  try {
    text = utf8.decode(file.bytes);
  } catch {
    reader.fault({ file: file.name, document: 1, line: 1 }, 'the file is not text in UTF-8');
    return contents;
  }
  if (looksLikeJson(text)) reader.readJson(text);
  else reader.readYaml(text);
  return contents;
}

function looksLikeJson(text: string): boolean {
  return text.slice(0, manifestLimits.sniffBytesMax).trimStart().startsWith('{');
}

class FileReader {
  readonly #file: string;
  readonly #contents: FileContents;

  constructor(file: string, contents: FileContents) {
    this.#file = file;
    this.#contents = contents;
  }

  fault(where: Where, reason: string, column?: number): void {
    this.#contents.faults.push({ ...where, column, reason: shown(reason) });
  }

  readYaml(text: string): void {
    let number = 0;
    for (const part of yamlDocuments(text)) {
      if (part.kind === 'badSeparator') {
        const where = { file: this.#file, document: number, line: part.line };
        this.fault(
          where,
          'invalid Yaml document separator: only blanks and a comment may follow ---; put the document on the next line',
        );
        continue;
      }
      if (part.text.trim() === '') continue;
      number += 1;
      const where = { file: this.#file, document: number, line: part.line };
      if (part.lostFromLine !== undefined) {
        this.#contents.warnings.push({
          ...where,
          line: part.lostFromLine,
          column: undefined,
          reason: 'what follows ... is not read; begin a document with ---',
        });
      }
      this.#take(where, () => readGoYaml(part.text));
    }
  }

  readJson(text: string): void {
    let number = 0;
    for (const part of jsonDocuments(text)) {
      number += 1;
      const where = { file: this.#file, document: number, line: part.line };
      this.#take(where, () => parseLosslessJson(part.text), part);
    }
  }

  #take(where: Where, read: () => LosslessJson, json?: JsonPart): void {
    try {
      const value = read();
      if (value === null || value === undefined) return;
      this.#flatten(where, value, undefined);
    } catch (error) {
      if (error instanceof Refusal) this.fault(where, error.message);
      else if (error instanceof YamlFault) {
        const line = error.line === undefined ? where.line : where.line + error.line - 1;
        this.fault({ ...where, line }, error.message, error.column);
      } else if (error instanceof SyntaxError && json !== undefined) this.#jsonFault(where, json, error);
      else if (error instanceof RangeError) this.fault(where, 'lists and maps are nested too deeply');
      else throw error;
    }
  }

  /** The engine's message without the piece of the text it quotes (1). */
  #jsonFault(where: Where, json: JsonPart, error: SyntaxError): void {
    const [, offset] = / at position (\d+)/.exec(error.message) ?? [];
    const reason = error.message
      .replace(/,? (?:"|\.\.\.)[\s\S]*$/, '')
      .replace(/ (?:in JSON )?at position[\s\S]*$/, '');
    if (offset === undefined) return this.fault(where, reason);
    const place = new Place(json.text).of(Number(offset));
    const column = place.line === 1 ? json.column + place.column - 1 : place.column;
    this.fault({ ...where, line: json.line + place.line - 1 }, reason, column);
  }

  #flatten(where: Where, value: LosslessJson, list: Keyed | undefined): void {
    if (!isMap(value)) throw new Refusal('expected a map with apiVersion and kind');
    const object = list === undefined ? value : inheriting(value, list);
    if (Object.hasOwn(object, 'items')) {
      const { items } = object;
      if (items !== null && !Array.isArray(items)) throw new Refusal('items: expected a list');
      for (const item of items ?? []) this.#flatten(where, item, object);
      return;
    }
    if (this.#contents.manifests.length >= manifestLimits.objectsMax) {
      throw new Refusal(`more than ${manifestLimits.objectsMax} objects`);
    }
    this.#contents.manifests.push(manifestOf(where, object));
  }
}

interface JsonPart {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

class Refusal extends Error {}

function isMap(value: LosslessJson | undefined): value is Keyed {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/** An item that says neither kind nor apiVersion is of its list's kind. */
function inheriting(item: LosslessJson, list: Keyed): LosslessJson & Keyed {
  if (!isMap(item)) throw new Refusal('items: expected maps with apiVersion and kind');
  if (item['kind'] !== undefined || item['apiVersion'] !== undefined) return item;
  const kind = textIn(list, 'kind', 'kind').replace(/List$/, '');
  return { ...item, apiVersion: list['apiVersion'] ?? '', kind };
}

function manifestOf(where: Where, object: Keyed): Manifest {
  const kind = textIn(object, 'kind', 'kind');
  if (kind === '')
    throw new Refusal('kind is missing: say which kind of object this is, e.g. kind: ConfigMap');
  const { metadata = null } = object;
  if (metadata !== null && !isMap(metadata)) throw new Refusal('metadata: expected a map');
  const apiVersion = textIn(object, 'apiVersion', 'apiVersion');
  if (apiVersion.split('/').length > 2) throw new Refusal('apiVersion: expected group/version or version');
  return {
    ...where,
    apiVersion,
    kind,
    namespace: metadata === null ? '' : textIn(metadata, 'namespace', 'metadata.namespace'),
    name: metadata === null ? '' : textIn(metadata, 'name', 'metadata.name'),
    json: Buffer.from(JSON.stringify(object)),
  };
}

/** A text field; null and absent are empty, any other type is a mistake that quotes would mend. */
function textIn(map: Keyed, key: string, path: string): string {
  const value = Object.hasOwn(map, key) ? map[key] : undefined;
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new Refusal(`${path}: expected text; put the value in quotes`);
  return value;
}

function shown(reason: string): string {
  return reason.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ').slice(0, manifestLimits.reasonCharactersMax);
}
