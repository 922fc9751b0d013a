/**
 * The door of the listeners that GitLab and other kas call: a call passes with a JWT of the shared secret (`spec/wire.md §5.2`,
 * `spec/kas.md §3.4`). It is checked before anything of the call is read; why one was refused is said at debug level only.
 */
import type { AgentConnections } from '../actors/index.ts';
import type { CallHandler } from '../pipe/grpc/index.ts';
import type { Clock, Log } from '../ports/index.ts';
import { bearerToken, status, StatusCode, verifyJwt } from '../protocol/index.ts';

/** Every kas is this audience, and this issuer where kas calls kas. */
const kas = 'gitlab-kas';

export interface JwtGateDeps {
  /** The secret of now: it may be rotated. */
  readonly secret: () => Uint8Array;
  /** `anyone` with the secret: GitLab signs with its host name. */
  readonly issuer: 'anyone' | 'kas';
  /** Told that somebody showed a good token: its connection may stay. */
  readonly connections: AgentConnections;
  readonly clock: Clock;
  readonly log: Log;
}

/** Puts the door in front of a handler. */
export function jwtGate(deps: JwtGateDeps): (handler: CallHandler) => CallHandler {
  const { secret, issuer, connections, clock, log } = deps;
  return (handler) => (call) => {
    const token = bearerToken(call.metadata);
    if (token.kind === 'refused') return call.finish(token.status);
    const verdict = verifyJwt(token.value, secret(), {
      audience: kas,
      ...(issuer === 'kas' ? { issuer: kas } : {}),
      nowMs: clock.now(),
    });
    if (verdict.kind === 'invalid') {
      log.debug('JWT validation failed', {
        reason: verdict.reason,
        peer: call.peer,
        grpc_method: call.method,
      });
      return call.finish(refused);
    }
    connections.of(call.session)?.authenticated();
    handler(call);
  };
}

const refused = status(StatusCode.Unauthenticated, 'JWT validation failed');
