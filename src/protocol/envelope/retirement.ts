/**
 * How an agent gives up an idle tunnel that both ends reuse (`docs/protocol.md`): an error right after its descriptor, which
 * the automaton allows, then the end of its side. A lost connection looks like an end too, so the words are needed: they
 * say that a request which crossed them was not and will not be executed.
 */
import { StatusCode, type RpcStatus } from '../status.ts';
import type { TunnelUp } from './tunnel-messages.ts';
import { encodeError } from './up-encoder.ts';

const retired: RpcStatus = { code: StatusCode.Aborted, message: 'tunnel retired before a request came' };

/** The frame that gives up an idle tunnel. */
export const retirement: Buffer = encodeError(retired);

/** True for the message of {@link retirement}. */
export function isRetirement(message: TunnelUp): boolean {
  return (
    message.kind === 'error' &&
    message.status.code === retired.code &&
    message.status.message === retired.message
  );
}
