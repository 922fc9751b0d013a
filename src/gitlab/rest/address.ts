/**
 * The address of GitLab (`gitlab.address`, `spec/gitlab.md §1.1`): where requests go and what their path and query are.
 *
 * 1. A GitLab may live below a path; the path of the API is appended with exactly one slash between.
 * 2. A query in the address goes with every request; a parameter of the request replaces one of the same name.
 */
import { encodeQuery, parseQuery } from '../../protocol/index.ts';

type Query = ReadonlyMap<string, readonly string[]>;

const noQuery: Query = new Map();

export class GitLabAddress {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly host: string;
  readonly scheme: 'http' | 'https';
  readonly #basePath: string;
  readonly #query: Query;

  /** Throws with a text for people when it is no address. */
  constructor(address: string) {
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (url === undefined || url.hostname === '' || !/^https?:$/.test(url.protocol))
      throw new Error('gitlab.address must be http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH]');
    if (url.username !== '' || url.password !== '')
      throw new Error('gitlab.address must hold no user and no password');
    this.origin = url.origin;
    this.host = url.hostname;
    this.scheme = url.protocol === 'https:' ? 'https' : 'http';
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#query = parseQuery(url.search.slice(1));
  }

  /** The request target for an encoded path that begins with a slash. */
  target(path: string, query: Query = noQuery): string {
    const all = encodeQuery(new Map([...this.#query, ...query])); // 2
    return `${this.#basePath}${path}${all === '' ? '' : `?${all}`}`; // 1
  }
}
