/** Names of refs: which are well formed, and which are tried for the one that is wanted. */

/** Tried in this order when `HEAD` leads nowhere (`spec/gitlab.md §3.5`). */
const defaultBranches = ['refs/heads/main', 'refs/heads/master'];

/** Git's rules for a full ref name, which also keep it inside the repository's folder. */
export function isRefName(ref: string): boolean {
  if (ref === 'HEAD') return true;
  if (!ref.startsWith('refs/') || ref.endsWith('.') || ref.length > 1_024) return false;
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
  if (/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{/.test(ref)) return false;
  return ref.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}

/** `HEAD` with its fall-backs, any other name exactly. */
export function refNamesToTry(ref: string): readonly string[] {
  return ref === 'HEAD' ? ['HEAD', ...defaultBranches] : [ref];
}
