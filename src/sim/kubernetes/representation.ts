/**
 * The forms an object or list may be shown in: itself, a `Table` for people, or its metadata alone. The client asks with
 * the `as` parameter of a media type in `Accept`.
 */
import { columnsOf, type Column } from './columns.ts';
import { apiVersionOf, type Kind } from './kinds.ts';
import { jsonText, type KubeObject } from './objects.ts';
import { notAcceptable, type Refusal } from './refusal.ts';
import type { JsonObject } from './json.ts';

export type Form = 'object' | 'table' | 'metadata';
export interface Representation {
  readonly form: Form;
  /** The version of `meta.k8s.io` for tables and metadata. */
  readonly version: string;
}

const forms: Readonly<Record<string, Form>> = {
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadata',
};

/** Picks the first form in `Accept` that this server speaks. */
export function representation(accept: string | undefined): Representation | Refusal {
  const offers = (accept === undefined || accept.trim() === '' ? '*/*' : accept).split(',');
  for (const offer of offers) {
    const [type = '', ...parameters] = offer.split(';').map((part) => part.trim());
    if (!['application/json', 'application/*', '*/*'].includes(type)) continue;
    const told = new Map(parameters.map((parameter) => parameter.split('=', 2) as [string, string]));
    const as = told.get('as');
    if (as === undefined) return { form: 'object', version: 'v1' };
    const form = forms[as];
    const version = told.get('v') ?? 'v1';
    if (form !== undefined && (version === 'v1' || version === 'v1beta1')) return { form, version };
  }
  return notAcceptable(['application/json', 'application/yaml']);
}

/** An object in the version it was asked for: custom kinds keep one stored form for all their versions. */
export function inVersion(kind: Kind, object: KubeObject): KubeObject {
  const apiVersion = apiVersionOf(kind);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

function metadataOnly(object: KubeObject, version: string): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

function definitions(columns: readonly Column[]): readonly JsonObject[] {
  return columns.map(({ name, type, format = '', priority }) => ({
    name,
    type,
    format,
    priority,
    description: name,
  }));
}

export interface TableOptions {
  readonly nowMs: number;
  readonly includeObject: string;
  /** The head is sent once per watch. */
  readonly withHead: boolean;
  readonly version: string;
}

function row(kind: Kind, object: KubeObject, columns: readonly Column[], options: TableOptions): JsonObject {
  const shown = inVersion(kind, object);
  const whole = options.includeObject === 'Object' ? shown : metadataOnly(shown, options.version);
  return {
    cells: columns.map((column) => column.cell(object, options.nowMs)),
    ...(options.includeObject === 'None' ? {} : { object: whole }),
  };
}

export function table(
  kind: Kind,
  objects: readonly KubeObject[],
  metadata: JsonObject,
  options: TableOptions,
): JsonObject {
  const columns = columnsOf(kind);
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.withHead ? definitions(columns) : null,
    rows: objects.map((object) => row(kind, object, columns, options)),
  };
}

/** One object in the asked form, as JSON text. */
export function shownObject(
  kind: Kind,
  object: KubeObject,
  asked: Representation,
  options: Omit<TableOptions, 'version'>,
): string {
  const version = asked.version;
  if (asked.form === 'object') return jsonText(inVersion(kind, object));
  if (asked.form === 'metadata') return JSON.stringify(metadataOnly(object, version));
  const metadata = { resourceVersion: object.metadata.resourceVersion };
  return JSON.stringify(table(kind, [object], metadata, { ...options, version }));
}

/** Text collected into pieces of this many characters before it is handed on. */
const pieceChars = 64 * 1024;

/** A list in the asked form, as pieces of JSON text: a large one is never one string. */
export function* shownList(
  kind: Kind,
  objects: readonly KubeObject[],
  metadata: JsonObject,
  asked: Representation,
  options: Omit<TableOptions, 'version'>,
): Generator<string> {
  if (asked.form === 'table') {
    yield JSON.stringify(table(kind, objects, metadata, { ...options, version: asked.version }));
    return;
  }
  const partial = asked.form === 'metadata';
  const name = partial ? 'PartialObjectMetadataList' : `${kind.kind}List`;
  const apiVersion = partial ? `meta.k8s.io/${asked.version}` : apiVersionOf(kind);
  let piece = `{"kind":"${name}","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"items":[`;
  let first = true;
  for (const object of objects) {
    const text = partial
      ? JSON.stringify(metadataOnly(object, asked.version))
      : jsonText(inVersion(kind, object));
    piece += first ? text : `,${text}`;
    first = false;
    if (piece.length >= pieceChars) {
      yield piece;
      piece = '';
    }
  }
  yield `${piece}]}`;
}
