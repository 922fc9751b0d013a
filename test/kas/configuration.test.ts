import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfiguration, readConfiguration } from '../../src/kas/configuration/index.ts';

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

describe('a file that names only the directory file', () => {
  const { agent, observability, gitlab, standalone } = configurationOf(minimal);

  it('has the defaults of the originals', () => {
    expect(standalone).toEqual({ file: 'gitlab.yaml' });
    expect(gitlab).toEqual({});
    const noTls = { certificate_file: '', key_file: '' };
    expect(agent).toEqual({
      listen: {
        network: 'tcp',
        address: '127.0.0.1:8150',
        ...noTls,
        websocket: false,
        connections_per_token_per_minute: 40_000,
        tunnel_reuse: true,
        max_connection_age: 7_200_000,
        listen_grace_period: 5_000,
      },
      configuration: { poll_period: 300_000, max_configuration_file_size: 131_072 },
      info_cache_ttl: 300_000,
      info_cache_error_ttl: 60_000,
      redis_conn_info_ttl: 300_000,
      redis_conn_info_refresh: 240_000,
    });
    expect(observability).toEqual({
      listen: { network: 'tcp', address: '127.0.0.1:8151', ...noTls },
      prometheus: { url_path: '/metrics' },
      liveness_probe: { url_path: '/liveness' },
      readiness_probe: { url_path: '/readiness' },
      logging: { level: 'info' },
    });
  });

  it('has no Kubernetes API proxy; an empty section brings it with its defaults', () => {
    expect(agent.kubernetes_api).toBeUndefined();
    expect(configurationOf(`${minimal}agent: { kubernetes_api: {} }`).agent.kubernetes_api).toEqual({
      listen: {
        network: 'tcp',
        address: '0.0.0.0:8154',
        certificate_file: '',
        key_file: '',
        listen_grace_period: 5_000,
        shutdown_grace_period: 3_600_000,
      },
      url_path_prefix: '/',
      allowed_agent_cache_ttl: 60_000,
      allowed_agent_cache_error_ttl: 10_000,
    });
  });
});

describe('a wrong file is refused naming the path', () => {
  it.each([
    ['', /^kascfg\.Validate: standalone: .*standalone\.file/],
    ['standalone: {}', /^kascfg\.Validate: standalone\.file: /],
    [`${minimal}agnet: {}`, /the file: .*agnet/],
    [`${minimal}agent: { listen: { adress: "x" } }`, /agent\.listen: .*adress/],
    [
      `${minimal}agent: { listen: { max_connection_age: 5m } }`,
      /agent\.listen\.max_connection_age: .*"300s"/,
    ],
    [
      `${minimal}agent: { listen: { max_connection_age: 300 } }`,
      /agent\.listen\.max_connection_age: .*"300s"/,
    ],
    [
      `${minimal}agent: { listen: { max_connection_age: "0s" } }`,
      /max_connection_age: value must be greater than 0s/,
    ],
    [
      `${minimal}agent: { listen: { max_connection_age: "-1s" } }`,
      /max_connection_age: value must be greater/,
    ],
    [
      `${minimal}agent: { info_cache_ttl: "-1s" }`,
      /agent\.info_cache_ttl: value must be greater than or equal to 0s/,
    ],
    [`${minimal}agent: { listen: { network: udp } }`, /agent\.listen\.network: expected one of tcp/],
    [`${minimal}agent: { listen: { websocket: true } }`, /agent\.listen\.websocket: WebSocket/],
    [`${minimal}agent: { listen: { certificate_file: a } }`, /agent\.listen\.certificate_file: .*together/],
    [`${minimal}agent: { listen: { key_file: a } }`, /agent\.listen\.certificate_file: .*together/],
    [
      `${minimal}agent: { listen: { connections_per_token_per_minute: -1 } }`,
      /connections_per_token_per_minute: expected a whole number/,
    ],
    [
      `${minimal}agent: { listen: { connections_per_token_per_minute: 1.5 } }`,
      /connections_per_token_per_minute: expected a whole number/,
    ],
    [
      `${minimal}agent: { kubernetes_api: { url_path_prefix: x } }`,
      /url_path_prefix: value must start with \//,
    ],
    [`${minimal}agent: { redis_conn_info_refresh: "300s" }`, /redis_conn_info_refresh must be smaller/],
    [
      `${minimal}observability: { logging: { level: verbose } }`,
      /observability\.logging\.level: expected one of/,
    ],
    [
      `${minimal}observability: { readiness_probe: { url_path: /liveness } }`,
      /readiness_probe\.url_path: liveness and/,
    ],
    ['# nothing', /^kascfg\.Validate: standalone: /],
    [`${minimal}---\na: 1`, /^YAMLToJSON: expected a single document/],
    ['a: [', /^YAMLToJSON: /],
    ['[1]', /^kascfg\.Validate: the file: /],
  ])('%j', (text, reason) => {
    expect(reasonOf(text)).toMatch(reason);
  });

  it('with all that is wrong at once', () => {
    const reason = reasonOf(`${minimal}agent: { listen: { network: udp }, info_cache_ttl: 5 }`);
    expect(reason).toMatch(/agent\.listen\.network: .*; agent\.info_cache_ttl: /);
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
    expect(configurationOf('standalone: { file: a, file: b }').standalone.file).toBe('b');
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
  const path = new URL('../../config.example.yaml', import.meta.url);

  it('says the same as leaving everything out', async () => {
    const text = await readFile(path, 'utf8');
    expect(configurationOf(text)).toEqual(configurationOf(`${minimal}agent: { kubernetes_api: {} }`));
  });

  it('shows every key there is', async () => {
    const text = await readFile(path, 'utf8');
    // Optional keys without a default are shown as comments.
    const shown = load(text.replaceAll(/^(\s*)# (external_url: )/gm, '$1$2'));
    const known = configurationOf(`${minimal}agent: { kubernetes_api: {} }
gitlab: { external_url: https://gitlab.example.com }`);
    expect(keysOf(shown)).toEqual(keysOf(known));
    expect(configurationOf(text.replace('# external_url', 'external_url')).gitlab.external_url).toBe(
      'https://gitlab.example.com',
    );
  });
});

/** Paths of all leaves, sorted. */
function keysOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value)
    .flatMap(([key, inside]) => keysOf(inside, `${path}.${key}`))
    .sort();
}
