/** Files as GitLab's packages write them are taken as they are. */
import { expect, it } from 'vitest';
import { ineffectiveKeys, parseConfiguration } from '../../../src/kas/configuration/index.ts';

/** The package for one machine: quoted texts, empty optional ones, Redis on a socket. */
const onOneMachine = `---
agent:
  listen:
    network: "tcp"
    address: "localhost:8150"
    websocket: true
    certificate_file: ""
    key_file: ""
  configuration:
    poll_period: "20s"
  gitops:
    poll_period: "20s"
    project_info_cache_ttl: "300s"
    project_info_cache_error_ttl: "60s"
  kubernetes_api:
    listen:
      address: "localhost:8154"
      certificate_file: ""
      key_file: ""
    url_path_prefix: "/-/kubernetes-agent/k8s-proxy/"
  info_cache_ttl: "300s"
  info_cache_error_ttl: "60s"
gitlab:
  address: "http://localhost:8080"
  external_url: "https://gitlab.example.com"
  authentication_secret_file: "/var/opt/gitlab/gitlab-kas/authentication_secret_file"
  ca_certificate_file:
observability:
  listen:
    network: "tcp"
    address: "localhost:8151"
  usage_reporting_period: 60s
  logging:
    level: info
    grpc_level: error
  sentry:
    dsn: "https://key@sentry.example.com/1"
    environment: "production"
redis:
  network: "unix"
  server:
    address: "/var/opt/gitlab/redis/redis.socket"
  password_file: ""
  key_prefix: "gitlab-kas"
api:
  listen:
    network: "tcp"
    address: "localhost:8153"
    authentication_secret_file: "/var/opt/gitlab/gitlab-kas/authentication_secret_file"
private_api:
  listen:
    network: "tcp"
    address: "localhost:8155"
    authentication_secret_file: "/var/opt/gitlab/gitlab-kas/private_api_authentication_secret_file"
`;

/** A chart: sections as JSON in YAML, wildcard addresses, sentinels, TLS to Redis. */
const inACluster = `
agent:
  kubernetes_api: {listen: {address: ":8154"}, url_path_prefix: /k8s-proxy/}
  listen: {address: ":8150", websocket: true, max_connection_age: 1800s}
api: {listen: {address: ":8153", authentication_secret_file: /etc/kas/.gitlab_kas_secret}}
gitlab:
  address: http://gitlab-webservice-default.default.svc:8181
  authentication_secret_file: /etc/kas/.gitlab_kas_secret
  external_url: https://gitlab.example.com
observability: {listen: {address: ":8151"}, google_profiler: {enabled: no}}
private_api: {listen: {address: ":8155", authentication_secret_file: /etc/kas/.gitlab_kas_private_api_secret}}
redis:
  password_file: /etc/kas/redis/redis-password
  sentinel:
    addresses: [sentinel-0.redis:26379, sentinel-1.redis:26379]
    master_name: gitlab-redis
  tls: {enabled: true, ca_certificate_file: /etc/kas/redis/ca.crt}
gitaly: {global_api_rate_limit: {refill_rate_per_second: 30.0, bucket_size: 70}}
`;

function read(text: string) {
  const parsed = parseConfiguration(text);
  if (parsed.kind === 'invalid') throw new Error(parsed.reason);
  return parsed.configuration;
}

it('of the package for one machine', () => {
  const configuration = read(onOneMachine);
  expect(configuration).toMatchObject({
    agent: {
      listen: { address: 'localhost:8150', websocket: true, certificate_file: '' },
      configuration: { poll_period: 20_000 },
      kubernetes_api: { url_path_prefix: '/-/kubernetes-agent/k8s-proxy/' },
    },
    gitlab: { address: 'http://localhost:8080', ca_certificate_file: '' },
    redis: { network: 'unix', server: { address: '/var/opt/gitlab/redis/redis.socket' } },
    private_api: { listen: { address: 'localhost:8155' } },
  });
  expect(ineffectiveKeys(configuration, {}).map(({ key }) => key)).toEqual(['observability.sentry']);
});

it('of a chart', () => {
  const configuration = read(inACluster);
  expect(configuration).toMatchObject({
    agent: { listen: { address: ':8150', max_connection_age: 1_800_000 } },
    redis: { sentinel: { master_name: 'gitlab-redis' }, tls: { enabled: true } },
    gitaly: { global_api_rate_limit: { refill_rate_per_second: 30 } },
  });
  expect(ineffectiveKeys(configuration, {})).toEqual([]);
});
