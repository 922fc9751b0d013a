/**
 * Request bodies: read within a bound, decoded from JSON or YAML.
 *
 * Y1. Aliases are refused in YAML: written out they could fill the memory.
 */
import type { IncomingMessage } from 'node:http';
import { CORE_SCHEMA, loadAll, YAMLException } from 'js-yaml';
import { deeperThan, isObject, type JsonObject } from './json.ts';
import { apiVersionOf, type Kind } from './kinds.ts';
import { limits } from './limits.ts';
import { asKubeObject, type KubeObject } from './objects.ts';
import { decodeProtobuf } from './protobuf-body.ts';
import { badRequest, bodyTooLarge, Refusal, unsupportedMediaType } from './refusal.ts';

/** The whole body, or a refusal when it is too large; undefined when the client went away. */
export function readBody(request: IncomingMessage): Promise<Buffer | Refusal | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limits.bodyBytesMax) chunks.push(chunk);
      else {
        chunks.length = 0;
        resolve(bodyTooLarge(limits.bodyBytesMax));
      }
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', () => resolve(undefined));
    request.once('close', () => resolve(undefined));
  });
}

export function mediaType(request: Pick<IncomingMessage, 'headers'>): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

const yamlTypes = ['application/yaml', 'application/apply-patch+yaml'];
const protobufType = 'application/vnd.kubernetes.protobuf';
const acceptedTypes = ['application/json', 'application/yaml', protobufType];

function parsed(bytes: Buffer, yaml: boolean): unknown {
  const text = bytes.toString();
  if (!yaml) return JSON.parse(text);
  const [first] = loadAll(text, { schema: CORE_SCHEMA, maxDepth: limits.depthMax, maxAliases: 0 });
  return first;
}

/** Decodes a body of any JSON or YAML type. */
export function decoded(bytes: Buffer, type: string): unknown {
  try {
    const value = parsed(bytes, yamlTypes.includes(type));
    if (deeperThan(value, limits.depthMax)) return badRequest('the body nests too deeply');
    return value;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof YAMLException)) throw error;
    return badRequest(`the body could not be decoded: ${error.message.slice(0, 200)}`);
  }
}

/** A body that must be a JSON object, of a plain media type. */
export function decodedObject(bytes: Buffer, type: string): JsonObject | Refusal {
  if (type !== '' && !acceptedTypes.includes(type)) return unsupportedMediaType(acceptedTypes);
  if (type === protobufType) {
    const read = decodeProtobuf(bytes);
    return typeof read === 'string' ? badRequest(`the body could not be decoded: ${read}`) : read;
  }
  const value = decoded(bytes, type);
  if (value instanceof Refusal) return value;
  return isObject(value) ? value : badRequest('the body is not an object');
}

/** Takes a decoded body as an object of a kind; a body that says another kind is refused. */
export function asKind(kind: Kind, body: JsonObject): KubeObject | Refusal {
  const { apiVersion = apiVersionOf(kind), kind: name = kind.kind } = body;
  if (apiVersion !== apiVersionOf(kind)) {
    return badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${apiVersionOf(kind)})`,
    );
  }
  if (name !== kind.kind) {
    return badRequest(`${String(name)} in version "${kind.version}" cannot be handled as a ${kind.kind}`);
  }
  const object = asKubeObject(body);
  if ('badField' in object) {
    return badRequest(
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${String(object.badField)} has the wrong type`,
    );
  }
  return object;
}
