/** Which project of our GitLab a Git repository of Flux is, by its URL (`spec/agentk.md §6.1`). */

/** The full path of the project, or undefined when the URL leads elsewhere. Never throws: URLs come from the cluster. */
export function projectPath(url: string, gitlabExternalUrl: string): string | undefined {
  const repository = URL.parse(url);
  const gitlab = URL.parse(gitlabExternalUrl);
  if (repository === null || gitlab === null || !sameHost(repository, gitlab)) return undefined;
  const path = decoded(repository.pathname)
    ?.replace(/^\//, '')
    .replace(/\.git$/, '');
  return path === undefined || path === '' || /\p{Cc}/u.test(path) ? undefined : path;
}

/** The port counts only where both speak HTTP: GitLab's ssh has one of its own. */
function sameHost(repository: URL, gitlab: URL): boolean {
  const web = /^https?:$/.test(repository.protocol);
  const [ours, theirs] = web ? [repository.host, gitlab.host] : [repository.hostname, gitlab.hostname];
  return ours !== '' && ours.toLowerCase() === theirs.toLowerCase();
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
