/**
 * Refusals: what the server answers instead of an object. They are values, not exceptions, and carry a Kubernetes
 * `Status` whose reason, code and message have the form that clients match on.
 */
import type { JsonObject } from './json.ts';

export class Refusal {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details: JsonObject | undefined;

  constructor(code: number, reason: string, message: string, details?: JsonObject) {
    this.code = code;
    this.reason = reason;
    this.message = message;
    this.details = details;
  }

  /** The `Status` object sent to the client. */
  status(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

/** What a refusal needs to know of a resource: enough to write `deployments.apps`. */
export interface ResourceName {
  readonly group: string;
  readonly plural: string;
}

export interface Cause {
  readonly field: string;
  readonly reason: string;
  readonly message: string;
}

export function qualified(resource: ResourceName): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

function details(resource: ResourceName, name: string, more?: JsonObject): JsonObject {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
    ...more,
  };
}

export const notFound = (resource: ResourceName, name: string) =>
  new Refusal(404, 'NotFound', `${qualified(resource)} "${name}" not found`, details(resource, name));

/** The answer for a path that nothing serves. */
export const noSuchPath = () =>
  new Refusal(404, 'NotFound', 'the server could not find the requested resource', {});

export const alreadyExists = (resource: ResourceName, name: string) =>
  new Refusal(
    409,
    'AlreadyExists',
    `${qualified(resource)} "${name}" already exists`,
    details(resource, name),
  );

export const conflict = (resource: ResourceName, name: string, why: string) =>
  new Refusal(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`,
    details(resource, name),
  );

export const modified = (resource: ResourceName, name: string) =>
  conflict(
    resource,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );

/** `kind` is the Kind here, not the plural: `Deployment.apps "x" is invalid: ...`. */
export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  causes: readonly Cause[],
): Refusal {
  const shown = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const joined = shown.length === 1 ? (shown[0] ?? '') : `[${shown.join(', ')}]`;
  const subject = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new Refusal(422, 'Invalid', `${subject} "${name}" is invalid: ${joined}`, {
    name,
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes: causes.map((cause) => ({ reason: cause.reason, message: cause.message, field: cause.field })),
  });
}

export const required = (field: string, message = ''): Cause => ({
  field,
  reason: 'FieldValueRequired',
  message: message === '' ? 'Required value' : `Required value: ${message}`,
});
export const invalidValue = (field: string, value: unknown, message: string): Cause => ({
  field,
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${message}`,
});

export const badRequest = (message: string) => new Refusal(400, 'BadRequest', message);
export const unauthorized = () => new Refusal(401, 'Unauthorized', 'Unauthorized');
export const forbidden = (resource: ResourceName, name: string, why: string) =>
  new Refusal(
    403,
    'Forbidden',
    `${qualified(resource)}${name === '' ? '' : ` "${name}"`} is forbidden: ${why}`,
    details(resource, name),
  );
export const forbiddenPath = (why: string) => new Refusal(403, 'Forbidden', `forbidden: ${why}`, {});
export const expired = (message: string) => new Refusal(410, 'Expired', message);
export const methodNotAllowed = () =>
  new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
export const notAcceptable = (accepted: readonly string[]) =>
  new Refusal(
    406,
    'NotAcceptable',
    `only the following media types are accepted: ${accepted.join(', ')}`,
    {},
  );
export const unsupportedMediaType = (accepted: readonly string[]) =>
  new Refusal(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
    {},
  );
export const bodyTooLarge = (max: number) =>
  new Refusal(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${max}`);
export const tooMany = (what: string) =>
  new Refusal(429, 'TooManyRequests', `too many ${what}`, { retryAfterSeconds: 1 });
export const internalError = (message: string) =>
  new Refusal(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
