/** A network with TCP's manners, and HTTP/2 on it, in virtual time. */
export type { Http2Frame } from './http2-frame.ts';
export { asClientSession, asHttp2Server, SimulatedHttp2Server } from './http2-server.ts';
export { SimulatedSession } from './http2-session.ts';
export { SimulatedNetwork } from './network.ts';
