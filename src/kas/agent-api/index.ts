/** The agent listener and the calls agents make. */
export { connectHandler } from './connect.ts';
export { AgentApiFront } from './front.ts';
export { registerHandler } from './register.ts';
