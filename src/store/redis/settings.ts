/**
 * How to reach Redis, from the `redis` section of the configuration file (`spec/kas.md §2.2`, `§2.3`) and the files it
 * names. Each error names the key and what to do.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createSecureContext, getCACertificates, type ConnectionOptions } from 'node:tls';
import type { Log } from '../../ports/index.ts';
import { plainText } from './failure.ts';

/** The section as the schema gives it: defaults filled in, durations in milliseconds. */
export interface RedisSection {
  readonly server?: { readonly address: string } | undefined;
  readonly sentinel?:
    | {
        readonly master_name: string;
        readonly addresses: readonly string[];
        readonly sentinel_password_file: string;
      }
    | undefined;
  readonly network: string;
  readonly username: string;
  readonly password_file: string;
  readonly database_index: number;
  readonly dial_timeout: number;
  readonly write_timeout: number;
  readonly key_prefix: string;
  readonly tls: {
    readonly enabled: boolean;
    readonly certificate_file: string;
    readonly key_file: string;
    readonly ca_certificate_file: string;
  };
}

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface RedisSettings {
  readonly target:
    | { readonly kind: 'server'; readonly address: Address }
    | {
        readonly kind: 'sentinel';
        readonly masterName: string;
        readonly addresses: readonly Address[];
        readonly password: string;
      };
  readonly username: string;
  readonly password: string;
  readonly database: number;
  readonly dialMs: number;
  /** Bound of every call, and the period of the signs of life. */
  readonly callMs: number;
  readonly keyPrefix: string;
  readonly tls: ConnectionOptions | undefined;
}

/** Rejects with a text for people when an address or a file is unusable. */
export async function readRedisSettings(section: RedisSection, folder: string): Promise<RedisSettings> {
  const secret = (key: string, file: string) => readSecret(`redis.${key}`, file, folder);
  return {
    target: await readTarget(section, secret),
    username: section.username,
    password: await secret('password_file', section.password_file),
    database: section.database_index,
    dialMs: section.dial_timeout,
    callMs: section.write_timeout,
    keyPrefix: section.key_prefix,
    tls: section.tls.enabled ? await readTls(section.tls, folder) : undefined,
  };
}

async function readTarget(
  { server, sentinel, network }: RedisSection,
  secret: (key: string, file: string) => Promise<string>,
): Promise<RedisSettings['target']> {
  if (sentinel !== undefined) {
    return {
      kind: 'sentinel',
      masterName: sentinel.master_name,
      addresses: sentinel.addresses.map((address) =>
        parseAddress('redis.sentinel.addresses', network, address),
      ),
      password: await secret('sentinel.sentinel_password_file', sentinel.sentinel_password_file),
    };
  }
  if (server === undefined) throw new Error('redis: one of server and sentinel is needed');
  return { kind: 'server', address: parseAddress('redis.server.address', network, server.address) };
}

interface SourceOptions {
  readonly section: RedisSection;
  readonly folder: string;
  readonly log: Log;
}

/**
 * The settings as the files have them now: read again for each connection, so that a password or a certificate can be
 * changed while kas runs. Files that have become unusable are told, and those read last stay in force.
 */
export class SettingsSource {
  #present: RedisSettings;
  readonly #options: SourceOptions;

  constructor(present: RedisSettings, options: SourceOptions) {
    this.#present = present;
    this.#options = options;
  }

  /** As they were read last. */
  get present(): RedisSettings {
    return this.#present;
  }

  async read(): Promise<RedisSettings> {
    const { section, folder, log } = this.#options;
    try {
      this.#present = await readRedisSettings(section, folder);
    } catch (error) {
      log.warn('Credentials of Redis cannot be read, those read last stay in force', {
        reason: plainText(error),
      });
    }
    return this.#present;
  }
}

/** Byte for byte, as the originals do: a line break at the end belongs to the password. */
async function readSecret(key: string, file: string, folder: string): Promise<string> {
  if (file === '') return '';
  const bytes = await read(key, file, folder);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error(`${key}: ${file} is not UTF-8 text; passwords of Redis are text here`);
  }
}

async function readTls(section: RedisSection['tls'], folder: string): Promise<ConnectionOptions> {
  const file = async (key: string, name: string) =>
    name === '' ? undefined : read(`redis.tls.${key}`, name, folder);
  const ca = await file('ca_certificate_file', section.ca_certificate_file);
  const cert = await file('certificate_file', section.certificate_file);
  const key = await file('key_file', section.key_file);
  const options: ConnectionOptions = {
    minVersion: 'TLSv1.2',
    // A configured authority comes on top of those of the system (`spec/kas.md §2.1`).
    ca: [
      ...getCACertificates('default'),
      ...getCACertificates('system'),
      ...(ca === undefined ? [] : [ca.toString('utf8')]),
    ],
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw new Error(
      `redis.tls: the certificate files cannot be used, check that they are PEM and belong together: ${plainText(error)}`,
      { cause: error },
    );
  }
  return options;
}

async function read(key: string, file: string, folder: string): Promise<Buffer> {
  try {
    return await readFile(resolve(folder, file));
  } catch (error) {
    throw new Error(`${key}: ${plainText(error)}`, { cause: error });
  }
}

function parseAddress(key: string, network: string, address: string): Address {
  if (network === 'unix' || address.startsWith('/')) return { kind: 'unix', path: address };
  const parts = /^(?:\[(?<six>[^\]]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/.exec(address)?.groups;
  const port = Number(parts?.['port']);
  const host = parts?.['six'] ?? parts?.['name'];
  if (host === undefined || port < 1 || port > 65_535) {
    throw new Error(
      `${key}: ${JSON.stringify(plainText(address))} is no address; write host:port, [IPv6]:port or the path of a socket`,
    );
  }
  return { kind: 'tcp', host, port };
}

/** An address as people write it. */
export function addressText(address: Address): string {
  if (address.kind === 'unix') return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
