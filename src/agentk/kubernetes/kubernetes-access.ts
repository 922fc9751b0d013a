/**
 * How agentk reaches its cluster: in the pod by the service account, outside by a kubeconfig, each part overridable by
 * the flags kubectl has (`spec/agentk.md §1.1`). Read once at start; only the bearer token is renewed.
 *
 * K1. In the pod nothing of the Kubernetes client library is loaded: it would multiply agentk's memory. A kubeconfig
 *     (outside a cluster) loads the part that reads it.
 */
import { accessSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Clock } from '../../ports/index.ts';
import { noTls, serverUrl } from './access.ts';
import type { KubernetesAccess, KubernetesFlags } from './access.ts';
import { bearerFixed, bearerFromFile } from './bearer.ts';
import type { Impersonation } from '../../pipe/http/index.ts';

export interface AccessEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Where a pod's service account is mounted. */
  readonly serviceAccountDir?: string;
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Finds the access. Throws with a text for the operator when there is none or a file cannot be read. */
export async function loadKubernetesAccess(
  flags: KubernetesFlags,
  environment: AccessEnvironment,
): Promise<KubernetesAccess> {
  const files = kubeconfigFiles(flags, environment.env);
  if (files.length === 0 && flags.server === undefined) return overridden(inCluster(environment), flags);
  const { accessFromKubeconfig } = await import('./kubeconfig.ts'); // K1
  return overridden(await accessFromKubeconfig(files, flags, environment.clock), flags);
}

function kubeconfigFiles(flags: KubernetesFlags, env: AccessEnvironment['env']): readonly string[] {
  if (flags.kubeconfig !== undefined && flags.kubeconfig !== '') return [flags.kubeconfig];
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (listed.length > 0) return listed;
  const usual = join(env['HOME'] ?? homedir(), '.kube', 'config');
  return readable(usual) ? [usual] : [];
}

function readable(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

function inCluster({ env, clock, serviceAccountDir = serviceAccount }: AccessEnvironment): KubernetesAccess {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || port === '') {
    throw new Error(
      'no kubeconfig, and not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined',
    );
  }
  return {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    tls: { ...noTls, ca: readFileSync(join(serviceAccountDir, 'ca.crt'), 'utf8') },
    authorize: bearerFromFile(join(serviceAccountDir, 'token'), clock),
    impersonation: undefined,
  };
}

/** Flags win over whatever was found. */
function overridden(found: KubernetesAccess, flags: KubernetesFlags): KubernetesAccess {
  const read = (path: string | undefined, otherwise: string | undefined) =>
    path === undefined ? otherwise : readFileSync(path, 'utf8');
  const skipVerify = flags.insecureSkipTlsVerify ?? found.tls.skipVerify;
  return {
    server: flags.server === undefined ? found.server : serverUrl(flags.server),
    tls: {
      ca: read(flags.certificateAuthority, found.tls.ca),
      cert: read(flags.clientCertificate, found.tls.cert),
      key: read(flags.clientKey, found.tls.key),
      serverName: flags.tlsServerName ?? found.tls.serverName,
      skipVerify,
    },
    authorize: flags.token === undefined ? found.authorize : bearerFixed(flags.token),
    impersonation: impersonationOf(flags) ?? found.impersonation,
  };
}

function impersonationOf({ as, asUid, asGroup }: KubernetesFlags): Impersonation | undefined {
  if (as === undefined && asUid === undefined && asGroup === undefined) return undefined;
  return { username: as ?? '', uid: asUid ?? '', groups: asGroup ?? [], extra: [] };
}
