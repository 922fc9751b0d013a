/**
 * Strict reading of a message from JSON whose errors say where and what. protobuf-es does the reading; only when it
 * refuses is the JSON walked along the schema to find the place.
 */
import { fromJson } from '@bufbuild/protobuf';
import type { DescField, DescMessage, JsonObject, JsonValue, MessageShape } from '@bufbuild/protobuf';

/** The message, or the place and cause of the first refusal: `gitops.manifest_projects[0].prune: expected a boolean`. */
export type JsonMessage<Desc extends DescMessage> =
  | { readonly kind: 'ok'; readonly message: MessageShape<Desc> }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Reads a message; unknown keys are refused. */
export function readJsonMessage<Desc extends DescMessage>(schema: Desc, json: JsonValue): JsonMessage<Desc> {
  try {
    return { kind: 'ok', message: fromJson(schema, json, { ignoreUnknownFields: false }) };
  } catch (error) {
    return { kind: 'invalid', reason: refusalIn(schema, json, '') ?? textOf(error) };
  }
}

/** Reads a message a peer sent, who may be newer: unknown fields are ignored. The reason holds no value: it may be secret. */
export function readPeerJson<Desc extends DescMessage>(schema: Desc, json: JsonValue): JsonMessage<Desc> {
  try {
    return { kind: 'ok', message: fromJson(schema, json, { ignoreUnknownFields: true }) };
  } catch (error) {
    const [, field] =
      /^cannot decode field \S*\.(\w+\.\w+) from JSON/.exec(String(Object(error).message)) ?? [];
    return { kind: 'invalid', reason: field === undefined ? 'not the message expected' : `invalid ${field}` };
  }
}

function refusalIn(schema: DescMessage, json: JsonValue, path: string): string | undefined {
  if (!isObject(json)) return at(path, `expected a map, got ${kindOf(json)}`);
  const known = new Map(
    schema.fields.flatMap((field) => [[field.jsonName, field] as const, [field.name, field] as const]),
  );
  const chosen = new Map<string, string>();
  for (const [key, value] of Object.entries(json)) {
    const field = known.get(key);
    const place = path === '' ? key : `${path}.${key}`;
    if (field === undefined) return at(place, 'unknown key');
    if (field.oneof !== undefined && value !== null) {
      const other = chosen.get(field.oneof.name);
      if (other !== undefined) return at(place, `only one of ${other} and ${key} may be given`);
      chosen.set(field.oneof.name, key);
    }
    const refusal = fieldRefusal(schema, field, key, value, place);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function fieldRefusal(
  schema: DescMessage,
  field: DescField,
  key: string,
  value: JsonValue,
  place: string,
): string | undefined {
  if (value === null) return undefined;
  const inner = field.message?.typeName.startsWith('google.') === true ? undefined : field.message;
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) return at(place, `expected a list, got ${kindOf(value)}`);
    for (const [index, item] of value.entries()) {
      const refusal =
        inner === undefined
          ? leafRefusal(schema, key, [item], `${place}[${index}]`)
          : refusalIn(inner, item, `${place}[${index}]`);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }
  return inner === undefined || field.fieldKind === 'map'
    ? leafRefusal(schema, key, value, place)
    : refusalIn(inner, value, place);
}

function leafRefusal(schema: DescMessage, key: string, value: JsonValue, place: string): string | undefined {
  try {
    fromJson(schema, { [key]: value });
    return undefined;
  } catch (error) {
    return at(place, textOf(error));
  }
}

/** The cause without the name of the generated field in front; well-known types are named by their last word. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^cannot decode message google\.protobuf\.(\w+) from JSON: /, 'not a $1: ')
    .replace(/^cannot decode enum \S+ from JSON: /, 'unknown word ')
    .replace(/^cannot decode (field|message) \S+ from JSON: /, '')
    .replace(/^list item #\d+: /, '')
    .slice(0, 300);
}

function at(path: string, what: string): string {
  return path === '' ? what : `${path}: ${what}`;
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function kindOf(json: JsonValue): string {
  if (json === null) return 'null';
  if (Array.isArray(json)) return 'a list';
  return typeof json === 'object' ? 'a map' : `a ${typeof json}`;
}
