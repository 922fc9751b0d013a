/** Which member of the protocol's order a decoded message from agentk stands for. Source: spec/wire.md §2.1. */
import type { RpcStatus } from '../../protocol/index.ts';
import type { TunnelOrder, TunnelUp } from '../../protocol/envelope/index.ts';

/** Takes the message in its order; a status when it may not come now, or is none. */
export function acceptUp(order: TunnelOrder, message: TunnelUp): RpcStatus | undefined {
  switch (message.kind) {
    case 'responseHeader':
      return order.http(3, 1);
    case 'responseData':
      return order.http(3, 2);
    case 'responseTrailer':
      return order.http(3, 3);
    case 'responseUpgradeData':
      return order.http(3, 4);
    case 'header':
      return order.outer(2);
    case 'trailer':
      return order.outer(4);
    case 'error':
      return order.outer(5);
    case 'descriptor':
      return order.outer(1);
    case 'malformed':
      return message.status;
  }
}
