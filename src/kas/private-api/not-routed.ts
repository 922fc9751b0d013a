/**
 * What another kas is told that asks for a cluster here (`spec/wire.md §7`): requests are not routed between kas instances, so
 * none is promised a tunnel. The other kas goes on looking elsewhere.
 */
import type { CallHandler } from '../../pipe/grpc/index.ts';
import { status, StatusCode } from '../../protocol/index.ts';

export const notRouted: CallHandler = (call) => call.finish(unimplemented);

const unimplemented = status(
  StatusCode.Unimplemented,
  'this kas does not route requests of other kas to its agents',
);
