/** A Git failure in the words of the originals (`spec/wire.md §11.1`), for the agent or the GitLab that asked. */
import type { GitFailure } from '../ports/index.ts';

const texts: Readonly<Record<GitFailure['kind'], readonly [kind: string, text: string]>> = {
  notFound: ['NotFound', 'file/directory/ref not found'],
  tooBig: ['FileTooBig', 'file is too big'],
  notAFile: ['UnexpectedTreeEntryType', 'file is not a usual file'],
  invalid: ['InvalidArgument', 'invalid argument'],
  unavailable: ['RpcError', 'RPC failed'],
};

/**
 * @param rpc of Gitaly that asks this, whoever was asked
 * @param path that was asked for, where the failure alone does not say it
 */
export function gitFailureText(rpc: string, { kind, reason }: GitFailure, path?: string): string {
  const [name, text] = texts[kind];
  return [name, rpc, text, ...(path === undefined ? [] : [path]), reason].join(': ');
}
