/** Questions to a repository, from call to answer. */
export { bounded } from './bounded.ts';
export { readEach } from './read-each.ts';
