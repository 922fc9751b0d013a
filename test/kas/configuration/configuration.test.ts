import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ineffectiveKeys,
  parseConfiguration,
  readConfiguration,
} from '../../../src/kas/configuration/index.ts';
import { rows } from './rows.ts';

const minimal = 'standalone: { file: gitlab.yaml }\n';

function configurationOf(text: string) {
  const parsed = parseConfiguration(text);
  if (parsed.kind === 'invalid') throw new Error(parsed.reason);
  return parsed.configuration;
}

function reasonOf(text: string): string {
  const parsed = parseConfiguration(text);
  if (parsed.kind === 'ok') throw new Error('accepted');
  return parsed.reason;
}

describe('a section that is not there', () => {
  it('is the Kubernetes API proxy switched off; an empty one brings it with its defaults', () => {
    expect(configurationOf(minimal).agent.kubernetes_api).toBeUndefined();
    expect(configurationOf(`${minimal}agent: { kubernetes_api: {} }`).agent.kubernetes_api).toMatchObject({
      listen: { address: '0.0.0.0:8154' },
      url_path_prefix: '/',
    });
  });

  it('without GitLab is Redis and what GitLab calls', () => {
    const { redis, api, private_api } = configurationOf(minimal);
    expect([redis, api, private_api]).toEqual([undefined, undefined, undefined]);
    const written = configurationOf(`${minimal}redis: { server: { address: "r:1" } }`);
    expect(written.redis).toMatchObject({ server: { address: 'r:1' }, key_prefix: 'gitlab-kas' });
  });

  it('with GitLab is asked for, all at once', () => {
    const reason = reasonOf('# nothing');
    expect(reason).toMatch(/^kascfg\.Validate: /);
    for (const key of [
      'gitlab.address',
      'gitlab.authentication_secret_file',
      'redis',
      'api.listen.authentication_secret_file',
      'private_api.listen.authentication_secret_file',
    ])
      expect(reason).toContain(`${key}: value is required`);
    expect(reason).toContain('a kas without GitLab has the section standalone instead');
  });
});

describe('a wrong file is refused naming the path', () => {
  it.each([
    ['standalone: {}', /^kascfg\.Validate: standalone\.file: value is required/],
    ['standalone: 5', /^protojson\.Unmarshal: standalone: expected a section with keys/],
    [`${minimal}agnet: {}`, /^protojson\.Unmarshal: the file: unknown key "agnet"; known here: agent, /],
    [
      `${minimal}agent: { listen: { adress: "x" } }`,
      /agent\.listen: unknown key "adress"; known here: network, address, /,
    ],
    [
      `${minimal}agent: { listen: { max_connection_age: 5m } }`,
      /agent\.listen\.max_connection_age: .*"300s"/,
    ],
    [
      `${minimal}agent: { listen: { max_connection_age: 300 } }`,
      /agent\.listen\.max_connection_age: .*"300s"/,
    ],
    [
      `${minimal}agent: { listen: { max_connection_age: "-1s" } }`,
      /max_connection_age: value must be greater/,
    ],
    [`${minimal}agent: { listen: { websocket: "yes" } }`, /websocket: expected true or false, not in quotes/],
    [
      `${minimal}agent: { listen: { connections_per_token_per_minute: 1.5 } }`,
      /connections_per_token_per_minute: expected a whole number/,
    ],
    [
      `${minimal}agent: { listen: { connections_per_token_per_minute: 4294967296 } }`,
      /connections_per_token_per_minute: expected a whole number/,
    ],
    [
      `${minimal}agent: { redis_conn_info_refresh: "300s" }`,
      /^kascfg\.ValidateExtra: agent\.redis_conn_info_refresh: must be smaller/,
    ],
    [
      `${minimal}agent: { redis_conn_info_ttl: "240s" }`,
      /^kascfg\.ValidateExtra: agent\.redis_conn_info_refresh: must be smaller/,
    ],
    [
      `${minimal}observability: { readiness_probe: { url_path: /liveness } }`,
      /^kascfg\.ValidateExtra: observability\.readiness_probe\.url_path: must differ/,
    ],
    [`${minimal}redis: {}`, /^kascfg\.Validate: redis: value is required: write the section server/],
    [
      `${minimal}redis: { server: { address: "a:1" }, sentinel: { master_name: m, addresses: ["a:1"] } }`,
      /^kascfg\.Validate: redis: server and sentinel exclude each other/,
    ],
    [
      `${minimal}redis: { sentinel: { master_name: m, addresses: ["a:1", ""] } }`,
      /^kascfg\.Validate: redis\.sentinel\.addresses\.1: value is required/,
    ],
    [
      `${minimal}gitlab: { address: "https://gitlab.example.com" }`,
      /^kascfg\.Validate: gitlab\.address: is not used without GitLab/,
    ],
    [`${minimal}---\na: 1`, /^YAMLToJSON: expected a single document/],
    ['a: [', /^YAMLToJSON: /],
    ['[1]', /^protojson\.Unmarshal: the file: expected a section with keys/],
  ])('%j', (text, reason) => {
    expect(reasonOf(text)).toMatch(reason);
  });

  it('with all that is wrong at once, wrong forms first', () => {
    const reason = reasonOf(`${minimal}agent: { listen: { network: udp }, info_cache_ttl: 5 }`);
    expect(reason).toMatch(
      /^protojson\.Unmarshal: agent\.info_cache_ttl: .*; kascfg\.Validate: agent\.listen\.network: /,
    );
  });
});

describe('scalars', () => {
  it.each([
    ['"0.5s"', 500],
    ['"300s"', 300_000],
    ['"1.000000001s"', 1000.000001],
  ])('duration %s is %d ms', (text, ms) => {
    expect(configurationOf(`${minimal}agent: { info_cache_ttl: ${text} }`).agent.info_cache_ttl).toBeCloseTo(
      ms,
      6,
    );
  });

  it('a ttl of "0s" is kept where it may be', () => {
    expect(configurationOf(`${minimal}agent: { info_cache_ttl: "0s" }`).agent.info_cache_ttl).toBe(0);
  });

  it('a count may be a text, and zero means the default', () => {
    const read = (text: string) =>
      configurationOf(`${minimal}agent: { configuration: { max_configuration_file_size: ${text} } }`).agent
        .configuration.max_configuration_file_size;
    expect([read('"17"'), read('17'), read('0')]).toEqual([17, 17, 131_072]);
  });

  it('the url prefix gets its slash', () => {
    const read = (text: string) =>
      configurationOf(`${minimal}agent: { kubernetes_api: { url_path_prefix: ${text} } }`).agent
        .kubernetes_api?.url_path_prefix;
    expect([read('/'), read('/k8s'), read('/k8s/')]).toEqual(['/', '/k8s/', '/k8s/']);
  });

  it('a key without a value is not there', () => {
    const read = configurationOf(`${minimal}gitlab:\nagent:\n  kubernetes_api:\n  listen: { network: }`);
    expect(read).toEqual(configurationOf(minimal));
  });

  it('the last of two equal keys wins', () => {
    expect(configurationOf('standalone: { file: a, file: b }').standalone?.file).toBe('b');
  });

  it.each(['yes', 'on', 'True', 'y'])('%s is true, as in YAML 1.1', (word) => {
    expect(
      configurationOf(`${minimal}agent: { listen: { websocket: ${word} } }`).agent.listen.websocket,
    ).toBe(true);
  });

  it('a level may be a number, and zero is info', () => {
    const levels = ['0', '1', '2', '3', 'warn'].map(
      (level) =>
        configurationOf(`${minimal}observability: { logging: { level: ${level} } }`).observability.logging
          .level,
    );
    expect(levels).toEqual(['info', 'debug', 'warn', 'error', 'warn']);
  });

  it('an empty text and a rate of zero give the default', () => {
    const { agent, gitaly } = configurationOf(
      `${minimal}agent: { listen: { address: "" } }
gitaly: { global_api_rate_limit: { refill_rate_per_second: 0, bucket_size: "9" } }`,
    );
    expect(agent.listen.address).toBe('127.0.0.1:8150');
    expect(gitaly.global_api_rate_limit).toEqual({ refill_rate_per_second: 30, bucket_size: 9 });
  });

  it('an empty document behind the first does no harm', () => {
    expect(configurationOf(`${minimal}---\n`)).toEqual(configurationOf(minimal));
  });
});

describe('keys without effect', () => {
  it('are told when somebody may wait for their effect', () => {
    const told = (more: string, environment: Readonly<Record<string, string>> = {}) =>
      ineffectiveKeys(configurationOf(minimal + more), environment).map(({ key }) => key);
    expect(told('')).toEqual([]);
    expect(told('', { SENTRY_DSN: 'https://sentry.example.com' })).toEqual(['SENTRY_DSN']);
    expect(told('observability: { google_profiler: { enabled: false }, sentry: { dsn: "" } }')).toEqual([]);
    expect(
      told(`observability:
  google_profiler: { enabled: true }
  sentry: { dsn: "https://sentry.example.com" }
  tracing: { otlp_endpoint: "https://traces.example.com" }
agent: { remote_development: {} }
redis: { server: { address: "r:1" }, read_timeout: "1s", idle_timeout: "1s", pool_size: 4 }`),
    ).toEqual([
      'observability.google_profiler',
      'observability.sentry',
      'observability.tracing',
      'agent.remote_development',
      'redis.read_timeout',
      'redis.idle_timeout',
      'redis.pool_size',
    ]);
  });
});

describe('a file on disk', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kastor-configuration-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('answers its folder, which relative paths start from', async () => {
    const path = join(folder, 'kas.yaml');
    await writeFile(path, minimal);
    expect(await readConfiguration(path)).toMatchObject({ kind: 'ok', folder });
  });

  it('that is missing or too large says so', async () => {
    const missing = await readConfiguration(join(folder, 'none.yaml'));
    expect(missing).toMatchObject({
      kind: 'invalid',
      reason: expect.stringMatching(/^configuration file: ENOENT/),
    });
    const path = join(folder, 'large.yaml');
    await writeFile(path, `# ${'x'.repeat(1024 * 1024)}\n${minimal}`);
    expect(await readConfiguration(path)).toMatchObject({
      kind: 'invalid',
      reason: expect.stringMatching(/larger than 1048576 bytes/),
    });
  });
});

describe('the example file', () => {
  const text = readFileSync(new URL('../../../config.example.yaml', import.meta.url), 'utf8');

  it('says the same as leaving out all but what is required', () => {
    expect(configurationOf(text)).toEqual(
      configurationOf(`
gitlab: { address: "https://gitlab.example.com", authentication_secret_file: gitlab_kas_secret }
agent: { kubernetes_api: {} }
redis: { server: { address: "redis.example.com:6379" } }
api: { listen: { authentication_secret_file: gitlab_kas_secret } }
private_api: { listen: { authentication_secret_file: gitlab_kas_private_secret } }`),
    );
  });

  it('shows every key there is', () => {
    // A # before a word or two spaces is a key that is switched off.
    const shown = load(text.replaceAll(/^( *)#(?=\w|  )/gm, '$1'));
    expect(keysOf(shown)).toEqual(rows.map(({ key }) => key).toSorted());
  });
});

/** Paths of all leaves, sorted; a list is one. */
function keysOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value)
    .flatMap(([key, inside]) => keysOf(inside, path === '' ? key : `${path}.${key}`))
    .toSorted();
}
