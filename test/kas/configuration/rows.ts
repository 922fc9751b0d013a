/**
 * Every key of kas's configuration file (`spec/kas.md §2.2`, and our own): its default, a good value as written and as
 * read, a bad value and what is said of it.
 */
export interface Row {
  readonly key: string;
  /** What is read when it is left out; undefined: nothing, or it has to be there. */
  readonly unset: unknown;
  readonly good: readonly [written: unknown, read: unknown];
  readonly bad: readonly [written: unknown, message: string];
}

export const validate = 'kascfg.Validate: ';
export const form = 'protojson.Unmarshal: ';

const greater = 'value must be greater than 0s';
const notLess = 'value must be greater than or equal to 0s';
const aCount = 'expected a whole number from 0 to 4294967295';
const aText = 'expected a text; put it in quotes';
const aFlag = 'expected true or false, not in quotes';
const together = 'certificate_file and key_file must be set together or not at all';
const anAddress = 'expected host:port, [ipv6]:port or :port, with a port up to 65535';
const aUrl = 'value must be an absolute URL such as https://gitlab.example.com';
const notEmpty = 'value must not be empty: write one, or leave the key out';
const aPath = 'value must start with /';
const aLevel = 'expected one of debug, info, warn, error (or their numbers 1, 0, 2, 3)';

const row = (key: string, unset: unknown, good: Row['good'], bad: Row['bad']): Row => ({
  key,
  unset,
  good,
  bad,
});

const positive = (key: string, unset: number | undefined) =>
  row(key, unset, ['0.5s', 500], ['0s', `${validate}${key}: ${greater}`]);
const notNegative = (key: string, unset: number) =>
  row(key, unset, ['0s', 0], ['-1s', `${validate}${key}: ${notLess}`]);
const counted = (key: string, unset: number) => row(key, unset, ['17', 17], [-1, `${form}${key}: ${aCount}`]);
const rated = (key: string, unset: number) =>
  row(key, unset, [0.5, 0.5], [-1, `${validate}${key}: value must be greater than or equal to 0`]);
const worded = (key: string, unset: string) =>
  row(key, unset, ['word', 'word'], [5, `${form}${key}: ${aText}`]);
const flagged = (key: string, unset: boolean) =>
  row(key, unset, [!unset, !unset], ['true', `${form}${key}: ${aFlag}`]);
/** The good value of a pair needs the other half, which the test adds. */
const paired = (section: string): Row[] => [
  row(`${section}.certificate_file`, '', ['', ''], ['a.pem', `${validate}${section}.key_file: ${together}`]),
  row(`${section}.key_file`, '', ['', ''], ['a.key', `${validate}${section}.certificate_file: ${together}`]),
];
const network = (key: string) =>
  row(key, 'tcp', ['tcp6', 'tcp6'], ['udp', `${validate}${key}: value must be one of tcp, tcp4, tcp6, unix`]);
const listening = (section: string, address: string): Row[] => [
  network(`${section}.network`),
  row(
    `${section}.address`,
    address,
    ['[::1]:80', '[::1]:80'],
    ['nowhere', `${validate}${section}.address: ${anAddress}`],
  ),
];
const limited = (section: string, refill: number, bucket: number): Row[] => [
  rated(`${section}.refill_rate_per_second`, refill),
  counted(`${section}.bucket_size`, bucket),
];
const required = (key: string, what: string) =>
  row(key, undefined, ['word', 'word'], ['', `${validate}${key}: value is required: ${what}`]);
const leveled = (key: string, unset: string) =>
  row(key, unset, [1, 'debug'], ['verbose', `${form}${key}: ${aLevel}`]);
const pathed = (key: string, unset: string) =>
  row(key, unset, ['/x', '/x'], ['x', `${validate}${key}: ${aPath}`]);
const served = (section: string, address: string, caller: string): Row[] => [
  ...listening(section, address),
  ...paired(section),
  required(
    `${section}.authentication_secret_file`,
    `the file with the secret that signs what ${caller} sends`,
  ),
  positive(`${section}.max_connection_age`, 7_200_000),
  positive(`${section}.listen_grace_period`, 5_000),
];

export const rows: readonly Row[] = [
  row(
    'gitlab.address',
    undefined,
    ['http://gitlab.local/root?a=b', 'http://gitlab.local/root?a=b'],
    ['gitlab.local', `${validate}gitlab.address: ${aUrl}`],
  ),
  row(
    'gitlab.external_url',
    undefined,
    ['https://gitlab.local', 'https://gitlab.local'],
    ['', `${validate}gitlab.external_url: ${notEmpty}`],
  ),
  required('gitlab.authentication_secret_file', 'the file with the secret GitLab calls gitlab_kas_secret'),
  worded('gitlab.ca_certificate_file', ''),
  ...limited('gitlab.api_rate_limit', 50, 250),

  ...listening('agent.listen', '127.0.0.1:8150'),
  flagged('agent.listen.websocket', false),
  ...paired('agent.listen'),
  counted('agent.listen.connections_per_token_per_minute', 40_000),
  flagged('agent.listen.tunnel_reuse', true),
  positive('agent.listen.max_connection_age', 7_200_000),
  positive('agent.listen.listen_grace_period', 5_000),
  positive('agent.configuration.poll_period', 300_000),
  counted('agent.configuration.max_configuration_file_size', 131_072),
  positive('agent.gitops.poll_period', 300_000),
  notNegative('agent.gitops.project_info_cache_ttl', 300_000),
  positive('agent.gitops.project_info_cache_error_ttl', 60_000),
  counted('agent.gitops.max_manifest_file_size', 5_242_880),
  counted('agent.gitops.max_total_manifest_file_size', 20_971_520),
  counted('agent.gitops.max_number_of_paths', 100),
  counted('agent.gitops.max_number_of_files', 1_000),
  ...listening('agent.kubernetes_api.listen', '0.0.0.0:8154'),
  ...paired('agent.kubernetes_api.listen'),
  positive('agent.kubernetes_api.listen.listen_grace_period', 5_000),
  positive('agent.kubernetes_api.listen.shutdown_grace_period', 3_600_000),
  row(
    'agent.kubernetes_api.url_path_prefix',
    '/',
    ['/k8s-proxy', '/k8s-proxy/'],
    ['k8s', `${validate}agent.kubernetes_api.url_path_prefix: ${aPath}`],
  ),
  notNegative('agent.kubernetes_api.allowed_agent_cache_ttl', 60_000),
  positive('agent.kubernetes_api.allowed_agent_cache_error_ttl', 10_000),
  notNegative('agent.info_cache_ttl', 300_000),
  positive('agent.info_cache_error_ttl', 60_000),
  row(
    'agent.redis_conn_info_ttl',
    300_000,
    ['600s', 600_000],
    ['0s', `${validate}agent.redis_conn_info_ttl: ${greater}`],
  ),
  positive('agent.redis_conn_info_refresh', 240_000),
  positive('agent.redis_conn_info_gc', 600_000),
  positive('agent.remote_development.poll_period', undefined),

  notNegative('observability.usage_reporting_period', 60_000),
  ...listening('observability.listen', '127.0.0.1:8151'),
  row(
    'observability.listen.certificate_file',
    '',
    ['a.pem', 'a.pem'],
    ['', `${validate}observability.listen.certificate_file: ${notEmpty}`],
  ),
  row(
    'observability.listen.key_file',
    '',
    ['a.key', 'a.key'],
    ['', `${validate}observability.listen.key_file: ${notEmpty}`],
  ),
  pathed('observability.prometheus.url_path', '/metrics'),
  pathed('observability.liveness_probe.url_path', '/liveness'),
  pathed('observability.readiness_probe.url_path', '/readiness'),
  row(
    'observability.dashboard.enabled',
    undefined,
    [true, true],
    ['true', `${form}observability.dashboard.enabled: ${aFlag}`],
  ),
  row(
    'observability.flight_recorder.enabled',
    true,
    [false, false],
    ['no', `${form}observability.flight_recorder.enabled: ${aFlag}`],
  ),
  ...['token_file', 'pages'].map((name) =>
    row(
      `observability.dashboard.${name}`,
      undefined,
      ['f', 'f'],
      ['', `${validate}observability.dashboard.${name}: ${notEmpty}`],
    ),
  ),
  row(
    'observability.tracing.otlp_endpoint',
    undefined,
    ['https://traces.local/v1', 'https://traces.local/v1'],
    [
      'traces.local',
      `${validate}observability.tracing.otlp_endpoint: value must be an absolute http or https URL`,
    ],
  ),
  ...['otlp_token_secret_file', 'otlp_ca_certificate_file'].map((name) =>
    row(
      `observability.tracing.${name}`,
      undefined,
      ['f', 'f'],
      ['', `${validate}observability.tracing.${name}: ${notEmpty}`],
    ),
  ),
  worded('observability.sentry.dsn', ''),
  worded('observability.sentry.environment', ''),
  leveled('observability.logging.level', 'info'),
  leveled('observability.logging.grpc_level', 'error'),
  flagged('observability.google_profiler.enabled', false),
  worded('observability.google_profiler.project_id', ''),
  worded('observability.google_profiler.credentials_file', ''),
  flagged('observability.google_profiler.debug_logging', false),

  ...limited('gitaly.global_api_rate_limit', 30, 70),
  ...limited('gitaly.per_server_api_rate_limit', 15, 40),

  required('redis.server.address', 'host:port of Redis, or the path of its socket'),
  required('redis.sentinel.master_name', 'the name the sentinels know the server by'),
  row(
    'redis.sentinel.addresses',
    undefined,
    [
      ['a:1', 'b:2'],
      ['a:1', 'b:2'],
    ],
    [[], `${validate}redis.sentinel.addresses: value must have at least 1 item: host:port of a sentinel`],
  ),
  worded('redis.sentinel.sentinel_password_file', ''),
  row(
    'redis.network',
    'tcp',
    ['unix', 'unix'],
    ['tcp6', `${validate}redis.network: value must be one of tcp, unix`],
  ),
  worded('redis.username', ''),
  worded('redis.password_file', ''),
  row(
    'redis.database_index',
    0,
    ['3', 3],
    [-1, `${form}redis.database_index: expected a whole number from 0 to 2147483647`],
  ),
  positive('redis.dial_timeout', 5_000),
  positive('redis.write_timeout', 3_000),
  worded('redis.key_prefix', 'gitlab-kas'),
  flagged('redis.tls.enabled', false),
  ...paired('redis.tls'),
  worded('redis.tls.ca_certificate_file', ''),
  positive('redis.read_timeout', undefined),
  positive('redis.idle_timeout', undefined),
  row('redis.pool_size', 0, [5, 5], [1.5, `${form}redis.pool_size: ${aCount}`]),

  ...served('api.listen', '127.0.0.1:8153', 'GitLab'),
  ...served('private_api.listen', '127.0.0.1:8155', 'other kas'),
  worded('private_api.listen.ca_certificate_file', ''),

  required('standalone.file', 'the file of agents, tokens and projects'),
  flagged('standalone.watch_repositories', true),
];
