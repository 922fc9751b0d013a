/** Which kas an agent dials and how, from its options; what is wrong with them is told here, before anything is dialled. */
import type { Metadata } from '../protocol/index.ts';
import { agentName } from './build-info.ts';
import { parseKasAddress, parseKasHeaders, ProxyEnvironment, upgradeHeadersOf } from './link/index.ts';
import type { KasTarget } from './link/index.ts';
import type { AgentkOptions } from './options.ts';

type KasTargetOptions = Pick<
  AgentkOptions,
  'kasAddress' | 'kasHeaders' | 'kasCaFile' | 'kasServerName' | 'kasSkipVerify' | 'build' | 'env'
>;

/** Extra headers are metadata of each call, or headers of the upgrade request (`spec/agentk.md §1.4`). */
export function kasTarget(options: KasTargetOptions): {
  readonly target: KasTarget;
  readonly metadata: Metadata;
} {
  const headers = parseKasHeaders(options.kasHeaders);
  if ('error' in headers) throw new Error(headers.error);
  const address = parseKasAddress(options.kasAddress);
  if ('error' in address) throw new Error(address.error);
  const { kasCaFile, kasServerName, kasSkipVerify } = options;
  const userAgent = agentName(options.build);
  return {
    target: {
      address: address.ok,
      tls: {
        caFile: kasCaFile === '' ? undefined : kasCaFile,
        serverName: kasServerName === '' ? undefined : kasServerName,
        skipVerify: kasSkipVerify ?? false,
      },
      proxies: new ProxyEnvironment(options.env),
      userAgent,
      upgradeHeaders: upgradeHeadersOf(headers.ok, userAgent),
    },
    metadata: address.ok.webSocket === undefined ? headers.ok : new Map(),
  };
}
