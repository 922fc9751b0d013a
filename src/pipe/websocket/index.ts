/** A WebSocket with the sub-protocol `ws-tunnel` as a stream of bytes between agentk and kas. Knows no statechart. */
export { handshakeRefusal, WebSocketAcceptor, type Accepted, type HandshakeRefusal } from './accept.ts';
export { dialWebSocket, type UnexpectedAnswer, type WebSocketDialled } from './dial.ts';
export { webSocketLimits } from './limits.ts';
