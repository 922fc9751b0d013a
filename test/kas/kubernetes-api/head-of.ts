/** A request's head without a request. */
import type { IncomingMessage } from 'node:http';
import { readRequestHead, type RequestHead } from '../../../src/kas/kubernetes-api/request-head.ts';

export function headOf(rawHeaders: readonly string[], url = '/'): RequestHead {
  // All that is read of a request: the list of its headers and its target.
  return readRequestHead({ rawHeaders, url } as unknown as IncomingMessage);
}
