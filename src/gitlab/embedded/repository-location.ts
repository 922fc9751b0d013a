/**
 * Where the repositories of the directory file are: folders on this machine, or remotes as `git clone` takes them.
 *
 * Remotes are asked by this server with this server's view of the network, so a file that someone else may write a line of
 * must not lead it to what only it can reach: private addresses need `trusted_hosts`.
 */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { GitRepository } from '../../ports/index.ts';

interface ProjectRepository {
  readonly repository: string;
  readonly credentials_file?: string | undefined;
}

export type LocationOutcome =
  | { readonly kind: 'ok'; readonly location: GitRepository['location'] }
  | { readonly kind: 'invalid'; readonly key: 'repository' | 'credentials_file'; readonly text: string };

/** The location of a project's repository; relative paths start at `folder`. */
export function repositoryLocation(
  project: ProjectRepository,
  trustedHosts: readonly string[],
  folder: string,
): LocationOutcome {
  const { repository, credentials_file: credentials } = project;
  if (!/^[a-z][a-z0-9+.-]*:/i.test(repository) && !/^[^/]*@[^/]*:/.test(repository)) {
    if (credentials !== undefined) {
      return invalid('credentials_file', 'is only for a repository with an https:// URL; remove it');
    }
    return { kind: 'ok', location: { kind: 'local', gitDir: resolve(folder, repository) } };
  }
  const problem = urlProblem(repository, trustedHosts);
  if (problem !== undefined) return invalid('repository', problem);
  const file = credentials === undefined ? {} : { credentialsFile: resolve(folder, credentials) };
  return { kind: 'ok', location: { kind: 'http', url: new URL(repository).href, trustedHosts, ...file } };
}

/** The text itself is not repeated: it may have a password in it. */
function urlProblem(text: string, trustedHosts: readonly string[]): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return 'must be a folder or an https:// URL; other schemes are not supported';
  }
  if (url.username !== '' || url.password !== '') {
    return 'must not have a user or password in its URL; write them into a file and name it in credentials_file';
  }
  if (url.search !== '' || url.hash !== '') return 'must be a URL without "?" and "#"';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // Whether an address is in a trusted network is seen when it is asked.
  const named = trustedHosts.some(
    (one) => one.toLowerCase() === host || (isIP(host) > 0 && one.includes('/')),
  );
  if (url.protocol === 'http:' && !named) {
    return 'must be an https:// URL; http:// is only for hosts in trusted_hosts';
  }
  return undefined;
}

/** A trusted host as people write it: a name, an address, or a network. */
export function isTrustedHost(text: string): boolean {
  const [base = '', bits, ...more] = text.split('/');
  const family = isIP(base);
  if (family > 0) {
    const bitsMax = family === 4 ? 32 : 128;
    return more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax));
  }
  return (
    bits === undefined && /^[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/i.test(base) && !/^[\d.]+$/.test(base)
  );
}

function invalid(key: 'repository' | 'credentials_file', text: string): LocationOutcome {
  return { kind: 'invalid', key, text };
}
