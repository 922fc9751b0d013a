/** HTTP through tunnels: kas's half (`forwardHttp`) and agentk's half (`serveTunnelExchange`). */
export { forwardHttp } from './http-forward.ts';
export type { Forwarding, ForwardOutcome } from './forward.ts';
export { upgradeResponse } from './upgrade-response.ts';
export { serveTunnelExchange } from './tunnel-exchange.ts';
export type { Exchange, ExchangeOutcome } from './exchange.ts';
export { ownImpersonation } from './impersonation.ts';
export type { ApiTarget, Impersonation } from './api-target.ts';
export { ModuleExchange, type ModuleRequestHead } from './module-exchange.ts';
