/** What a client session needs so that a real network does not starve it (design/data-plane.md). */
import type { ClientHttp2Session, ClientSessionOptions } from 'node:http2';
import { defaultGrpcLimits, windows } from './limits.ts';
import type { GrpcLimits } from './limits.ts';

/** Options for `http2.connect`; use {@link tuneClientSession} on what it answers. */
export function http2ClientOptions(
  limits: Partial<GrpcLimits> = {},
): Pick<ClientSessionOptions, 'settings' | 'maxSessionMemory' | 'maxHeaderListPairs'> {
  const all = { ...defaultGrpcLimits, ...limits };
  return {
    settings: {
      initialWindowSize: windows.streamBytes,
      maxHeaderListSize: all.headerListBytesMax,
      enablePush: false,
    },
    maxSessionMemory: all.sessionMegabytesMax,
    maxHeaderListPairs: all.headerPairsMax,
  };
}

/** Raises the window of the whole connection, now or as soon as it is connected. */
export function tuneClientSession(session: ClientHttp2Session): void {
  const widen = () => {
    // A connection reset right after it was made tells 'connect' when it is destroyed already.
    if (!session.destroyed) session.setLocalWindowSize(windows.sessionBytes);
  };
  if (session.connecting) session.once('connect', widen);
  else widen();
}
