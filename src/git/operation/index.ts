/** One question to a repository, from call to answer. */
export { bounded } from './bounded.ts';
