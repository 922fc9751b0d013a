/** HTTP through tunnels: kas's half (`forwardHttp`) and agentk's half (`serveTunnelExchange`). */
export {
  forwardHttp,
  type ClaimedTunnel,
  type ForwardEvent,
  type ForwardHead,
  type Forwarding,
  type ForwardOptions,
  type ForwardOutcome,
} from './forward.ts';
export { upgradeResponse } from './upgrade-response.ts';
export { discardBody } from './unread-body.ts';
export {
  serveTunnelExchange,
  type Exchange,
  type ExchangeOptions,
  type ExchangeOutcome,
} from './exchange.ts';
export type { ApiTarget, Impersonation } from './api-target.ts';
