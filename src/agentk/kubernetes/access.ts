/** What agentk needs to know to reach a Kubernetes API server, wherever it came from. */
import type { Authorize } from './bearer.ts';
import type { Impersonation } from '../../pipe/http/index.ts';

/** The connection flags of kubectl that agentk takes. Absent ones come from the kubeconfig. */
export interface KubernetesFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly cluster?: string;
  readonly user?: string;
  readonly server?: string;
  readonly certificateAuthority?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly token?: string;
  readonly as?: string;
  readonly asUid?: string;
  readonly asGroup?: readonly string[];
}

export interface KubernetesTls {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
  readonly skipVerify: boolean;
}

export interface KubernetesAccess {
  /** Scheme, host, port and base path, e.g. `https://10.0.0.1:443/prefix`, without a slash at its end. */
  readonly server: URL;
  readonly tls: KubernetesTls;
  readonly authorize: Authorize;
  readonly impersonation: Impersonation | undefined;
}

export const noTls: KubernetesTls = {
  ca: undefined,
  cert: undefined,
  key: undefined,
  serverName: undefined,
  skipVerify: false,
};

/** Takes `host`, `host:port` or a URL; without a scheme it is https. Throws when it is none of these. */
export function serverUrl(server: string): URL {
  const url = URL.parse(server.includes('://') ? server : `https://${server}`);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw new Error(`invalid Kubernetes API server address: ${JSON.stringify(server)}`);
  }
  return url;
}
