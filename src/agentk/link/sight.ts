/** What can be seen of a hop to kas once it is passed: for a doctor, who shows it. */
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { agentkLimits } from '../limits.ts';
import type { Whose } from './link-failure.ts';

export type Sight =
  | { readonly hop: 'tcp'; readonly whose: Whose; readonly remote: string }
  | { readonly hop: 'proxy'; readonly proxy: string }
  | {
      readonly hop: 'tls';
      readonly whose: Whose;
      readonly protocol: string;
      readonly alpn: string | undefined;
      readonly isTrusted: boolean;
      /** As sent, the server's own first. */
      readonly chain: readonly X509Certificate[];
    }
  | {
      readonly hop: 'upgrade';
      /** Headers of the answer, as the other end wrote them. */
      readonly server: string;
      readonly date: string | undefined;
    };

export function tcpSight(whose: Whose, { remoteAddress = '', remotePort = 0 }: Socket): Sight {
  const host = remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress;
  return { hop: 'tcp', whose, remote: `${host}:${remotePort}` };
}

export function tlsSight(whose: Whose, socket: TLSSocket): Sight {
  const { alpnProtocol } = socket;
  return {
    hop: 'tls',
    whose,
    protocol: socket.getProtocol() ?? 'TLS',
    alpn: typeof alpnProtocol === 'string' ? alpnProtocol : undefined,
    isTrusted: socket.authorized,
    chain: chainOf(socket),
  };
}

function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < agentkLimits.chainShownMax) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}
