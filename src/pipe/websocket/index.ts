/** A WebSocket with the sub-protocol `ws-tunnel` as a stream of bytes between agentk and kas. Knows no statechart. */
export { handshakeRefusal, WebSocketAcceptor } from './accept.ts';
export { dialWebSocket, type UnexpectedAnswer } from './dial.ts';
export { webSocketLimits } from './limits.ts';
export { strangerMessageCode, WebSocketStream } from './websocket-stream.ts';
