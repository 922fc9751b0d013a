/** Each key there is, by the table in `rows.ts`: its default, a good value, a bad value. */
import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../../src/kas/configuration/index.ts';
import { rows, validate, type Row } from './rows.ts';

interface Section {
  [key: string]: unknown;
}

/** The least a file has to say. */
const minimal = (): Section => ({
  gitlab: { address: 'https://gitlab.example.com', authentication_secret_file: 'gitlab.secret' },
  redis: { server: { address: 'redis:6379' } },
  api: { listen: { authentication_secret_file: 'api.secret' } },
  private_api: { listen: { authentication_secret_file: 'private.secret' } },
});

/** A file in which this key may stand. */
function around(key: string): Section {
  if (key === 'standalone.file') return {};
  if (key.startsWith('standalone.')) return { standalone: { file: 'directory.yaml' } };
  const document = minimal();
  if (key.startsWith('redis.sentinel'))
    document['redis'] = { sentinel: { master_name: 'm', addresses: ['a:1'] } };
  if (key.startsWith('observability.tracing.'))
    write(document, 'observability.tracing.otlp_endpoint', 'http://t');
  if (key.startsWith('agent.kubernetes_api.')) write(document, 'agent.kubernetes_api', {});
  return document;
}

function write(document: Section, key: string, value: unknown): Section {
  const names = key.split('.');
  const last = names.pop() ?? '';
  let inside = document;
  for (const name of names) inside = (inside[name] ??= {}) as Section;
  inside[last] = value;
  return document;
}

/** Its section stays, empty if need be. */
function without(document: Section, key: string): Section {
  write(document, key, undefined);
  return document;
}

function readAt(value: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((inside, name) => (inside as Section | undefined)?.[name], value);
}

function parse(document: Section) {
  return parseConfiguration(JSON.stringify(document));
}

function configurationOf(document: Section): unknown {
  const parsed = parse(document);
  if (parsed.kind === 'invalid') throw new Error(parsed.reason);
  return parsed.configuration;
}

function reasonOf(document: Section): string {
  const parsed = parse(document);
  return parsed.kind === 'invalid' ? parsed.reason : 'accepted';
}

/** Half of a TLS pair needs the other. */
function good({ key, good: [written] }: Row): Section {
  const document = write(around(key), key, written);
  const other = key.endsWith('.certificate_file')
    ? key.replace('certificate_file', 'key_file')
    : key.replace('key_file', 'certificate_file');
  if (/\.(certificate|key)_file$/.test(key) && written !== '') write(document, other, 'other');
  return document;
}

describe.each(rows)('$key', (row) => {
  const { key, unset } = row;
  it('has its default when it is left out, or is asked for', () => {
    const parsed = parse(without(around(key), key));
    if (parsed.kind === 'ok') return expect(readAt(parsed.configuration, key)).toEqual(unset);
    expect(parsed.reason).toContain(`${validate}${key}: value `);
    expect(unset).toBeUndefined();
  });

  it('takes a good value', () => {
    expect(readAt(configurationOf(good(row)), key)).toEqual(row.good[1]);
  });

  it('refuses a bad value in these words', () => {
    const [written, message] = row.bad;
    expect(reasonOf(write(around(key), key, written))).toBe(message);
  });
});

it('the table has every key', () => {
  expect([...leaves(''), 'standalone.file', 'standalone.watch_repositories'].toSorted()).toEqual(
    rows.map(({ key }) => key).toSorted(),
  );
});

/** The keys below a section, as the refusal of an unknown key tells them. */
function leaves(section: string): string[] {
  const document = around(`${section}.`);
  const inside = section === '' ? document : readAt(document, section);
  if (section === '') document['?'] = 1;
  else if (typeof inside === 'object' && inside !== null) Object.assign(inside, { '?': 1 });
  else write(document, section, { '?': 1 });
  const known = /unknown key "\?"; known here: ([a-z0-9_, ]+)/.exec(reasonOf(document))?.[1]?.split(', ');
  if (known === undefined) return [section];
  return known
    .filter((name) => name !== 'standalone')
    .flatMap((name) => leaves(section === '' ? name : `${section}.${name}`));
}
