/**
 * The schema of kas's configuration file: the originals' names, defaults and checks (`spec/kas.md §2.2`) for what this
 * server does, and our own `standalone` section for a server without GitLab. Unknown keys are errors, so that a typing
 * mistake is never a silent default.
 */
import { z } from 'zod';
import { bothOrNeither, count, duration, logLevel, network } from './scalars.ts';

const tlsPair = { certificate_file: z.string().default(''), key_file: z.string().default('') };
const pairRule = {
  error: 'certificate_file and key_file must be set together or not at all',
  path: ['certificate_file'],
};

function listen(address: string) {
  return { network: network.default('tcp'), address: z.string().min(1).default(address), ...tlsPair };
}

const agentListen = z
  .strictObject({
    ...listen('127.0.0.1:8150'),
    websocket: z.literal(false, { error: 'WebSocket tunnelling is not part of this release' }).default(false),
    connections_per_token_per_minute: count(40_000),
    // Ours: several requests one after the other on one tunnel, with agents that offer it.
    tunnel_reuse: z.boolean().default(true),
    max_connection_age: duration(7_200_000),
    listen_grace_period: duration(5_000),
  })
  .refine(bothOrNeither, pairRule);

const kubernetesApi = z.strictObject({
  listen: z
    .strictObject({
      ...listen('0.0.0.0:8154'),
      listen_grace_period: duration(5_000),
      shutdown_grace_period: duration(3_600_000),
    })
    .refine(bothOrNeither, pairRule)
    .prefault({}),
  url_path_prefix: z
    .string()
    .startsWith('/', 'value must start with /')
    .default('/')
    .transform((prefix) => (prefix.endsWith('/') ? prefix : `${prefix}/`)),
  allowed_agent_cache_ttl: duration(60_000, 'notNegative'),
  allowed_agent_cache_error_ttl: duration(10_000),
});

const agent = z.strictObject({
  listen: agentListen.prefault({}),
  configuration: z
    .strictObject({ poll_period: duration(300_000), max_configuration_file_size: count(131_072) })
    .prefault({}),
  kubernetes_api: kubernetesApi.optional(),
  info_cache_ttl: duration(300_000, 'notNegative'),
  info_cache_error_ttl: duration(60_000),
  redis_conn_info_ttl: duration(300_000),
  redis_conn_info_refresh: duration(240_000),
});

const observability = z.strictObject({
  listen: z
    .strictObject({ ...listen('127.0.0.1:8151') })
    .refine(bothOrNeither, pairRule)
    .prefault({}),
  prometheus: z.strictObject({ url_path: z.string().default('/metrics') }).prefault({}),
  liveness_probe: z.strictObject({ url_path: z.string().default('/liveness') }).prefault({}),
  readiness_probe: z.strictObject({ url_path: z.string().default('/readiness') }).prefault({}),
  logging: z.strictObject({ level: logLevel.default('info') }).prefault({}),
});

export const kasConfigurationSchema = z
  .strictObject({
    standalone: z.strictObject(
      { file: z.string().min(1, 'value must name the file of agents, tokens and projects') },
      {
        error:
          'this release runs stand-alone: name the file of agents, tokens and projects in standalone.file',
      },
    ),
    gitlab: z.strictObject({ external_url: z.string().min(1).optional() }).prefault({}),
    agent: agent.prefault({}),
    observability: observability.prefault({}),
  })
  .refine((all) => all.agent.redis_conn_info_refresh < all.agent.redis_conn_info_ttl, {
    error: 'redis_conn_info_refresh must be smaller than redis_conn_info_ttl',
    path: ['agent', 'redis_conn_info_refresh'],
  })
  .refine((all) => all.observability.liveness_probe.url_path !== all.observability.readiness_probe.url_path, {
    error: 'liveness and readiness need different paths',
    path: ['observability', 'readiness_probe', 'url_path'],
  });

/** Everything in milliseconds and bytes; defaults filled in. */
export type KasConfiguration = z.output<typeof kasConfigurationSchema>;
