/**
 * Access by kubeconfig files, for agents outside their cluster. The client library reads the files and runs exec plugins;
 * it is loaded only here.
 */
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import type { Clock } from '../../ports/index.ts';
import { noTls, serverUrl } from './access.ts';
import type { KubernetesAccess, KubernetesFlags } from './access.ts';
import { bearerFixed, bearerFromFile, bearerFromPlugin } from './bearer.ts';
import type { Authorize } from './bearer.ts';
import type { Impersonation } from '../../pipe/http/index.ts';

/** Merges the files as kubectl does (the first that says something wins) and takes context, cluster and user. */
export async function accessFromKubeconfig(
  files: readonly string[],
  flags: KubernetesFlags,
  clock: Clock,
): Promise<KubernetesAccess> {
  const config = load(files);
  if (flags.context !== undefined) config.setCurrentContext(flags.context);
  const context = config.getContextObject(config.getCurrentContext());
  if (flags.context !== undefined && context === null) {
    throw new Error(`context ${JSON.stringify(flags.context)} does not exist`);
  }
  const cluster = find('cluster', flags.cluster ?? context?.cluster, (name) => config.getCluster(name));
  const user = find('user', flags.user ?? context?.user, (name) => config.getUser(name));
  const server = flags.server ?? cluster?.server;
  if (server === undefined) throw new Error('the kubeconfig names no Kubernetes API server');
  const chosen = new KubeConfig();
  if (cluster !== undefined && user !== undefined) chosen.loadFromClusterAndUser(cluster, user);
  const asked = user === undefined || cluster === undefined ? {} : await ask(chosen);
  return {
    server: serverUrl(server),
    tls: {
      ...noTls,
      ca: data(cluster?.caData, cluster?.caFile),
      cert: data(user?.certData, user?.certFile) ?? asked.cert,
      key: data(user?.keyData, user?.keyFile) ?? asked.key,
      serverName: cluster?.tlsServerName,
      skipVerify: cluster?.skipTLSVerify ?? false,
    },
    authorize: await authorization(),
    impersonation: impersonated(user?.impersonateUser),
  };

  async function authorization(): Promise<Authorize> {
    if (user?.token !== undefined && user.token !== '') return bearerFixed(user.token);
    const tokenFile: unknown = user?.authProvider?.config?.tokenFile;
    if (typeof tokenFile === 'string') return bearerFromFile(tokenFile, clock);
    if (user?.username !== undefined && user.username !== '') {
      const basic = Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64');
      return () => `Basic ${basic}`;
    }
    if (user?.exec === undefined && user?.authProvider === undefined) return () => undefined;
    return bearerFromPlugin(async () => (await ask(chosen)).authorization, clock);
  }
}

function load(files: readonly string[]): KubeConfig {
  const config = new KubeConfig();
  for (const [index, file] of files.entries()) {
    if (index === 0) {
      config.loadFromFile(file);
      continue;
    }
    const more = new KubeConfig();
    more.loadFromFile(file);
    config.mergeConfig(more, true);
  }
  return config;
}

function find<T>(kind: string, name: string | undefined, get: (name: string) => T | null): T | undefined {
  if (name === undefined || name === '') return undefined;
  const found = get(name);
  if (found === null) throw new Error(`${kind} ${JSON.stringify(name)} does not exist`);
  return found;
}

interface Answer {
  readonly authorization?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Lets the library run exec plugins and auth providers; its own cache knows when an answer expires. */
async function ask(config: KubeConfig): Promise<Answer> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers = (options.headers ?? {}) as Readonly<Record<string, unknown>>;
  const authorization = headers['Authorization'];
  return {
    ...(typeof authorization === 'string' ? { authorization } : {}),
    ...(typeof options.cert === 'string' || Buffer.isBuffer(options.cert)
      ? { cert: String(options.cert) }
      : {}),
    ...(typeof options.key === 'string' || Buffer.isBuffer(options.key) ? { key: String(options.key) } : {}),
  };
}

function data(base64: string | undefined, file: string | undefined): string | undefined {
  if (base64 !== undefined && base64 !== '') return Buffer.from(base64, 'base64').toString('utf8');
  return file === undefined || file === '' ? undefined : readFileSync(file, 'utf8');
}

function impersonated(username: string | undefined): Impersonation | undefined {
  return username === undefined || username === '' ? undefined : { username, uid: '', groups: [], extra: [] };
}
