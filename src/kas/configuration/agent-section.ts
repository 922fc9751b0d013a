/** The `agent` section: the agent listener, agents' configuration, GitOps limits and the Kubernetes API proxy. */
import { count, duration, durationIfSet, flag, text } from './scalars.ts';
import { checkListen, listenKeys, section } from './sections.ts';

const listen = section({
  ...listenKeys('127.0.0.1:8150'),
  websocket: flag(false),
  connections_per_token_per_minute: count(40_000),
  // Ours: several requests one after the other on one tunnel, with agents that offer it.
  tunnel_reuse: flag(true),
  max_connection_age: duration(7_200_000),
  listen_grace_period: duration(5_000),
}).superRefine(checkListen);

const gitops = section({
  poll_period: duration(300_000),
  project_info_cache_ttl: duration(300_000, 'notNegative'),
  project_info_cache_error_ttl: duration(60_000),
  max_manifest_file_size: count(5_242_880),
  max_total_manifest_file_size: count(20_971_520),
  max_number_of_paths: count(100),
  max_number_of_files: count(1_000),
});

const kubernetesApi = section({
  listen: section({
    ...listenKeys('0.0.0.0:8154'),
    listen_grace_period: duration(5_000),
    shutdown_grace_period: duration(3_600_000),
  })
    .superRefine(checkListen)
    .prefault({}),
  url_path_prefix: text('/')
    .refine((prefix) => prefix.startsWith('/'), { error: 'value must start with /' })
    .transform((prefix) => (prefix.endsWith('/') ? prefix : `${prefix}/`)),
  allowed_agent_cache_ttl: duration(60_000, 'notNegative'),
  allowed_agent_cache_error_ttl: duration(10_000),
});

export const agentSection = section({
  listen: listen.prefault({}),
  configuration: section({
    poll_period: duration(300_000),
    max_configuration_file_size: count(131_072),
  }).prefault({}),
  gitops: gitops.prefault({}),
  kubernetes_api: kubernetesApi.optional(),
  info_cache_ttl: duration(300_000, 'notNegative'),
  info_cache_error_ttl: duration(60_000),
  // The originals crash on a period of zero; here it is an error of the file.
  redis_conn_info_ttl: duration(300_000),
  redis_conn_info_refresh: duration(240_000),
  redis_conn_info_gc: duration(600_000),
  remote_development: section({ poll_period: durationIfSet() }).optional(),
});
