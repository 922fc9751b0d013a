/**
 * A client sends the same token with every request of a connection. What was parsed from it is kept with the connection, and
 * so is what others remember about the parsed object (`CachedGitLab`): no parsing and no hash per request.
 *
 * 1. Only a single Authorization header is recognised, and only by its whole value; everything else is parsed anew.
 * 2. Nothing outlives the connection.
 */
import type { Socket } from 'node:net';
import { parseCredentials, type Credentials, type ParsedCredentials } from './credentials.ts';
import type { RequestHead } from './request-head.ts';

interface Known {
  readonly authorization: string;
  readonly credentials: Credentials;
}

const noQuery: ReadonlyMap<string, readonly string[]> = new Map();

export class ConnectionCredentials {
  readonly #known = new WeakMap<Socket, Known>();

  of(
    connection: Socket,
    head: RequestHead,
    query: ReadonlyMap<string, readonly string[]> | undefined,
  ): ParsedCredentials {
    const [authorization] = head.authorization;
    if (authorization === undefined || head.authorization.length > 1) {
      return parseCredentials(head, () => query ?? noQuery);
    }
    const known = this.#known.get(connection);
    if (known?.authorization === authorization) return known.credentials;
    const parsed = parseCredentials(head, () => query ?? noQuery);
    if (parsed.kind !== 'invalid') this.#known.set(connection, { authorization, credentials: parsed });
    return parsed;
  }
}
