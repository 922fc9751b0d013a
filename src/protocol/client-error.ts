/** The text of GitLab's refusals in the words of the originals (`spec/kas.md §5.5`). */

/** `HTTP status code: 401 for path /api/...`; GitLab's own words follow where there are any. */
export function clientErrorText(statusCode: number, path: string, reason: string): string {
  const text = `HTTP status code: ${statusCode} for path ${path}`;
  return reason === '' ? text : `${text} with reason ${reason}`;
}
